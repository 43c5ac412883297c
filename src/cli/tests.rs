//! What the command line claims.

use clap::CommandFactory;

use super::serve::Alone;
use super::*;
use crate::app::Source;

fn settings(flags: &[&str]) -> Result<crate::app::Serve, clap::Error> {
    Alone::try_parse_from(["gatepost"].iter().chain(flags)).and_then(|alone| alone.serve.settings())
}

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

#[test]
fn every_flag_of_serve_has_its_variable() {
    let mut cli = Cli::command();
    let serve = cli.find_subcommand_mut("serve").unwrap();
    for argument in serve.get_arguments() {
        let Some(long) = argument.get_long().filter(|long| *long != "help") else { continue };
        let expected = match long {
            // those of the tool that ours replaces
            "dns-name" | "node-selector" => long.to_uppercase().replace('-', "_"),
            // a flag takes `=false`, while its variable has but to be there
            "use-internal-ip" => String::new(),
            _ => match long.strip_prefix("cloudflare-") {
                Some(rest) => format!("CF_{}", rest.to_uppercase().replace('-', "_")),
                None => format!("GATEPOST_{}", long.to_uppercase().replace('-', "_")),
            },
        };
        let env = argument.get_env().and_then(|name| name.to_str()).unwrap_or_default();
        assert_eq!(env, expected, "--{long}");
        assert!(argument.get_help().is_some(), "--{long}");
    }
}

#[test]
fn without_flags_it_takes_the_own_config_map_and_ports_80_and_443() {
    let settings = settings(&[]).unwrap();
    assert_eq!(settings.source, Source::ConfigMap { namespace: None, name: "gatepost".to_owned(), kubeconfig: None });
    assert_eq!(settings.http, ["[::]:80".parse().unwrap()]);
    assert_eq!(settings.https, ["[::]:443".parse().unwrap()]);
    assert_eq!(settings.admin, ["127.0.0.1:9180".parse().unwrap()]);
    assert!(!settings.allow_local_backends);
}

#[test]
fn what_is_in_files_already_is_not_kept_in_others() {
    let with = |flag| settings(&["--routes", "r.yaml", "--http", ":80", flag, "/var/lib/gatepost"]);
    for flag in ["--state-dir", "--secret-dir"] {
        let error = with(flag).unwrap_err();
        assert!(error.exit_code() == 2 && error.to_string().contains("cannot be used with"), "{error}");
    }
}

#[test]
fn a_routes_file_listens_only_where_it_is_told_to_and_may_name_local_backends() {
    let error = settings(&["--routes", "r.yaml"]).unwrap_err();
    assert_eq!(error.exit_code(), 2);
    assert!(error.to_string().contains("--http 127.0.0.1:8080"), "{error}");
    let settings = settings(&["--routes", "r.yaml", "--http", "127.0.0.1:0", "--http", ":81"]).unwrap();
    assert_eq!(settings.http, ["127.0.0.1:0".parse().unwrap(), "[::]:81".parse().unwrap()]);
    assert!(settings.allow_local_backends);
}

#[test]
fn what_contradicts_itself_or_cannot_be_is_wrong_usage() {
    for flags in [
        &["--routes", "r.yaml", "--config-map", "x", "--http", ":80"][..],
        &["--config-map", "a/b/c"],
        &["--config-map", "Upper"],
        &["--config-map", "/x"],
        &["--config-map", ""],
        &["--http", "80"],
        &["--http", ":99999"],
        &["--workers", "0"],
        &["--log", "xml"],
        &["--log-level", "loud"],
        &["--resolver", "name"],
        &["--https", "443"],
        &["--dry-run=maybe"],
        &["--cloudflare-ttl", "1s"],
        &["--dns-name", "*"],
    ] {
        let error = settings(flags).map(|_| ()).expect_err(&flags.join(" "));
        assert_eq!(error.exit_code(), 2, "{flags:?}");
    }
}

#[test]
fn a_config_map_may_be_in_another_namespace() {
    let settings = settings(&["--config-map", "web/my.routes", "--kubeconfig", "k"]).unwrap();
    let (namespace, kubeconfig) = (Some("web".to_owned()), Some("k".into()));
    assert_eq!(settings.source, Source::ConfigMap { namespace, name: "my.routes".to_owned(), kubeconfig });
}

#[test]
fn addresses_may_be_short() {
    assert_eq!(listen_addr(":80"), Ok("[::]:80".parse().unwrap()));
    assert_eq!(listen_addr("localhost:80"), Ok("127.0.0.1:80".parse().unwrap()));
    assert_eq!(resolver_addr("10.96.0.10"), Ok("10.96.0.10:53".parse().unwrap()));
    assert_eq!(resolver_addr("fd00::a"), Ok("[fd00::a]:53".parse().unwrap()));
    assert_eq!(resolver_addr("127.0.0.1:5353"), Ok("127.0.0.1:5353".parse().unwrap()));
}

#[test]
fn the_dns_sync_has_its_flags() {
    let dns = settings(&["--dns-name", "k.example.com", "--cloudflare-ttl", "2m", "--dry-run"]).unwrap().dns;
    assert_eq!((dns.flags.names, dns.flags.ttl), (Some(vec!["k.example.com".to_owned()]), Some(120)));
    assert!(dns.dry_run);
    assert!(!settings(&["--dry-run=false"]).unwrap().dns.dry_run);
}
