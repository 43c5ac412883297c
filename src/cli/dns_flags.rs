//! The flags and variables of the DNS sync, for `serve` and the subcommands of `dns`. They have the names of the tool that
//! this one replaces (see docs/migrate.md). One door: [`DnsFlags::settings`].

use std::ffi::OsString;
use std::path::PathBuf;

use crate::app::DnsSettings;
use crate::config::{self, Selector};
use crate::dns::{Addresses, Endpoint, Flags};

/// For the help of whoever has these flags.
pub(super) const VARIABLES: &str = "\
Variables of the DNS sync that have no flag:
  CF_API_TOKEN       API token for Cloudflare, with Zone:Read and DNS:Edit
  CF_API_TOKEN_FILE  file that holds one; it is read again when it changes
  CF_SECRET_DIR      folder with any of the files api-token, or api-key and email, as a mounted Secret has them; read again too
  CF_API_URL         where the API of Cloudflare is [default: https://api.cloudflare.com/client/v4]
  USE_INTERNAL_IP    with any value: as --use-internal-ip
  SKIP_EXTERNAL_IP   with any value: publish internal addresses only";

/// What the section `dns` of the routes file says wins over these.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "DNS sync (the section `dns` of the routes file wins)")]
pub(super) struct DnsFlags {
    /// Keep these names at Cloudflare pointing at the nodes; apart by commas, or repeated. For example
    /// kubernetes.example.com
    #[arg(long, value_name = "NAME", env = "DNS_NAME", value_delimiter = ',', value_parser = perhaps(config::dns_name))]
    dns_name: Vec<Perhaps<String>>,

    /// Whose the API key is
    #[arg(long, value_name = "EMAIL", env = "CF_API_EMAIL", hide_env_values = true, value_parser = perhaps(text))]
    cloudflare_api_email: Option<Perhaps<String>>,

    /// Global API key for Cloudflare. Better a token that may do no more than it needs: CF_API_TOKEN
    #[arg(long, value_name = "KEY", env = "CF_API_KEY", hide_env_values = true, value_parser = perhaps(text))]
    cloudflare_api_key: Option<Perhaps<String>>,

    /// Cloudflare's edge stands in front of the nodes [default: false]
    #[arg(long, value_name = "BOOL", env = "CF_PROXY", num_args = 0..=1, require_equals = false, default_missing_value = "true", value_parser = perhaps(go_bool))]
    cloudflare_proxy: Option<Perhaps<bool>>,

    /// TTL of the records: seconds from 60 to 86400, a duration such as 2m, or auto [default: 120]
    #[arg(long, value_name = "TTL", env = "CF_TTL", value_parser = perhaps(config::dns_ttl))]
    cloudflare_ttl: Option<Perhaps<u32>>,

    /// Of nodes without an external address, publish the internal ones [env: USE_INTERNAL_IP, any value]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = perhaps(go_bool))]
    use_internal_ip: Option<Perhaps<bool>>,

    /// Only nodes with these labels, as `kubectl -l` takes them. For example role=web,!spot
    #[arg(long, value_name = "SELECTOR", env = "NODE_SELECTOR", value_parser = perhaps(str::parse::<Selector>))]
    node_selector: Option<Perhaps<Selector>>,
}

/// A value, or nothing: an empty variable is one that is not set, as when an optional key of a Secret is missing.
#[derive(Debug, Clone)]
struct Perhaps<T>(Option<T>);

fn perhaps<T: Clone + Send + Sync + 'static, E: ToString>(
    parse: fn(&str) -> Result<T, E>,
) -> impl Fn(&str) -> Result<Perhaps<T>, String> + Clone + Send + Sync {
    move |text| match text.trim() {
        "" => Ok(Perhaps(None)),
        text => parse(text).map(|value| Perhaps(Some(value))).map_err(|error| error.to_string()),
    }
}

fn text(text: &str) -> Result<String, String> {
    Ok(text.to_owned())
}

/// The words of Go's `strconv.ParseBool`, which the old tool took.
fn go_bool(text: &str) -> Result<bool, String> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err("write true or false".to_owned()),
    }
}

impl DnsFlags {
    /// With the variables that have no flag.
    ///
    /// # Errors
    /// A variable holds what it cannot; in words.
    pub(super) fn settings(self, dry_run: bool) -> Result<DnsSettings, String> {
        self.settings_with(dry_run, |name| std::env::var_os(name))
    }

    fn settings_with(self, dry_run: bool, env: impl Fn(&str) -> Option<OsString>) -> Result<DnsSettings, String> {
        let DnsFlags {
            dns_name,
            cloudflare_api_email,
            cloudflare_api_key,
            cloudflare_proxy,
            cloudflare_ttl,
            use_internal_ip,
            node_selector,
        } = self;
        let path = |name: &str| env(name).filter(|path| !path.is_empty()).map(PathBuf::from);
        let is_set = |name: &str| env(name).is_some_and(|value| !value.is_empty());
        let variable = |name: &str| match env(name).map(OsString::into_string) {
            None => Ok(None),
            // what it holds may be a secret
            Some(Err(_)) => Err(format!("the variable {name} is not UTF-8")),
            Some(Ok(value)) => Ok(Some(value.trim().to_owned()).filter(|value| !value.is_empty())),
        };
        let endpoint = variable("CF_API_URL")?;
        if let Some(url) = &endpoint {
            url.parse::<Endpoint>().map_err(|error| format!("the variable CF_API_URL cannot be used: {error}"))?;
        }
        let mut names: Vec<String> = Vec::new();
        for name in dns_name.into_iter().filter_map(|Perhaps(name)| name) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
        let or_internal = given(use_internal_ip).unwrap_or_else(|| is_set("USE_INTERNAL_IP"));
        let addresses = match (is_set("SKIP_EXTERNAL_IP"), or_internal) {
            (true, _) => Some(Addresses::Internal),
            (false, true) => Some(Addresses::ExternalElseInternal),
            (false, false) => None,
        };
        Ok(DnsSettings {
            flags: Flags {
                names: (!names.is_empty()).then_some(names),
                ttl: given(cloudflare_ttl),
                proxied: given(cloudflare_proxy),
                selector: given(node_selector),
                addresses,
            },
            token: variable("CF_API_TOKEN")?,
            token_file: path("CF_API_TOKEN_FILE"),
            api_key: given(cloudflare_api_key),
            api_email: given(cloudflare_api_email),
            secret_dir: path("CF_SECRET_DIR"),
            endpoint,
            dry_run,
        })
    }
}

fn given<T>(value: Option<Perhaps<T>>) -> Option<T> {
    value.and_then(|Perhaps(value)| value)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Alone {
        #[command(flatten)]
        dns: DnsFlags,
    }

    fn settings(flags: &[&str], env: &[(&str, &str)]) -> Result<DnsSettings, String> {
        let alone = Alone::try_parse_from(["gatepost"].iter().chain(flags)).map_err(|error| error.to_string())?;
        let env = |name: &str| env.iter().find(|(other, _)| *other == name).map(|(_, value)| value.into());
        alone.dns.settings_with(false, env)
    }

    fn flags(flags: &[&str], env: &[(&str, &str)]) -> Flags {
        settings(flags, env).unwrap().flags
    }

    #[test]
    fn without_flags_nothing_is_said() {
        assert_eq!(settings(&[], &[]), Ok(DnsSettings::default()));
    }

    #[test]
    fn names_are_apart_by_commas_or_repeated_and_have_one_form() {
        let names = ["a.example.com", "*.b.example.com", "c.example.com"].map(str::to_owned).to_vec();
        let written = ["--dns-name", "a.example.com, *.B.example.com.,,a.example.com", "--dns-name=c.example.com"];
        assert_eq!(flags(&written, &[]).names, Some(names));
        assert_eq!(flags(&["--dns-name", ""], &[]).names, None);
    }

    #[test]
    fn proxying_takes_the_words_of_go() {
        for (word, expected) in [("1", true), ("t", true), ("TRUE", true), ("True", true), ("0", false), ("F", false)] {
            assert_eq!(flags(&["--cloudflare-proxy", word], &[]).proxied, Some(expected), "{word}");
            assert_eq!(flags(&[&format!("--cloudflare-proxy={word}")], &[]).proxied, Some(expected), "{word}");
        }
        assert_eq!(flags(&["--cloudflare-proxy"], &[]).proxied, Some(true));
        assert_eq!(flags(&["--cloudflare-proxy="], &[]).proxied, None);
    }

    #[test]
    fn internal_addresses_are_a_fallback_unless_external_ones_are_skipped() {
        for (written, env, expected) in [
            (&[][..], &[][..], None),
            (&["--use-internal-ip"], &[], Some(Addresses::ExternalElseInternal)),
            (&["--use-internal-ip=true"], &[], Some(Addresses::ExternalElseInternal)),
            (&["--use-internal-ip=false"], &[("USE_INTERNAL_IP", "1")], None),
            // any value, as the old tool had it
            (&[], &[("USE_INTERNAL_IP", "false")], Some(Addresses::ExternalElseInternal)),
            (&[], &[("USE_INTERNAL_IP", "")], None),
            (&[], &[("SKIP_EXTERNAL_IP", "0")], Some(Addresses::Internal)),
            (&["--use-internal-ip"], &[("SKIP_EXTERNAL_IP", "1")], Some(Addresses::Internal)),
        ] {
            assert_eq!(flags(written, env).addresses, expected, "{written:?} {env:?}");
        }
    }

    #[test]
    fn credentials_lose_the_blanks_around_them_and_empty_ones_are_none() {
        let env = [
            ("CF_API_TOKEN", " token\n"),
            ("CF_API_TOKEN_FILE", "/t"),
            ("CF_SECRET_DIR", "/s"),
            ("CF_API_URL", "http://127.0.0.1:1/v4"),
        ];
        let settings =
            settings(&["--cloudflare-api-key", "key\n", "--cloudflare-api-email", "a@b.example"], &env).unwrap();
        let DnsSettings { flags: _, token, token_file, api_key, api_email, secret_dir, endpoint, dry_run } = settings;
        assert_eq!((token.as_deref(), token_file, secret_dir), (Some("token"), Some("/t".into()), Some("/s".into())));
        assert_eq!((api_key.as_deref(), api_email.as_deref()), (Some("key"), Some("a@b.example")));
        assert_eq!((endpoint.as_deref(), dry_run), (Some("http://127.0.0.1:1/v4"), false));
        let empty = ["CF_API_TOKEN", "CF_API_TOKEN_FILE", "CF_API_URL"].map(|name| (name, ""));
        let none = self::settings(&["--cloudflare-api-key=", "--cloudflare-api-email", " "], &empty);
        assert_eq!(none, Ok(DnsSettings::default()));
    }

    #[test]
    fn credentials_are_not_in_the_debug_form() {
        let env = [("CF_API_TOKEN", "sesame-1")];
        let settings = settings(&["--cloudflare-api-key=sesame-2", "--cloudflare-api-email=sesame-3"], &env).unwrap();
        assert!(!format!("{settings:?}").contains("sesame"), "{settings:?}");
    }

    #[test]
    fn what_is_wrong_says_what_would_be_right() {
        for (written, said) in [
            (&["--dns-name", "https://a.example.com"][..], "this is a URL, not a host (write `a.example.com`)"),
            (&["--dns-name", "a.example.com,192.0.2.7"], "`192.0.2.7` is an address"),
            (&["--dns-name", "*"], "`*` alone is no name that a record can have"),
            (&["--cloudflare-ttl", "30"], "the TTL `30` is out of range (write seconds from 60 to 86400"),
            (&["--cloudflare-proxy", "yes"], "write true or false"),
            (&["--use-internal-ip=maybe"], "write true or false"),
            (&["--node-selector", "role: web"], "`role:` is no name of a label"),
        ] {
            let error = settings(written, &[]).unwrap_err();
            assert!(error.contains(said), "{written:?}: {error}");
        }
        let error = settings(&[], &[("CF_API_URL", "api.cloudflare.com")]).unwrap_err();
        assert!(error.contains("CF_API_URL cannot be used: it does not begin with https://"), "{error}");
    }
}
