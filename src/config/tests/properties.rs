//! What holds for every text.

use proptest::prelude::*;

use super::*;

/// Every byte of a file that is read as a whole is a mistake somebody could make.
fn mutated(text: &'static str) -> impl Strategy<Value = String> {
    let edits = prop::collection::vec((0..text.len(), 0..40usize, "[ -~\t\né*&!{}\\[\\]:,#|>%@`'\"-]{0,4}"), 1..6);
    edits.prop_map(move |edits| {
        let mut bytes: Vec<char> = text.chars().collect();
        for (at, len, new) in edits {
            let at = at.min(bytes.len());
            let end = (at + len).min(bytes.len());
            bytes.splice(at..end, new.chars());
        }
        bytes.into_iter().collect()
    })
}

fn every_problem_has_a_place(text: &str) -> Result<(), TestCaseError> {
    let (problems, refused) = match parse(text, "x") {
        Ok(parsed) => {
            let problems = parsed.problems.clone();
            let _ = parsed.settle(None);
            (problems, false)
        }
        Err(Refused { problems }) => (problems, true),
    };
    prop_assert!(!refused || problems.iter().any(|problem| problem.severity == Severity::Error));
    let lines = text.lines().count().max(1) as u32 + 1;
    for problem in &problems {
        prop_assert!((1..=lines).contains(&problem.line) && problem.column > 0, "{problem}");
        prop_assert_eq!(problem.to_string().lines().count(), 1);
        let _ = problem.snippet();
    }
    Ok(())
}

fn host() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("*".to_owned()),
        "(\\*\\.)?([a-zA-Z0-9_]([a-z0-9-]{0,8}[a-z0-9])?\\.){0,3}[a-zA-Zäöüß][a-z]{0,5}\\.?(:[0-9]{1,4})?",
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]:80")),
        any::<String>(),
    ]
}

fn path() -> impl Strategy<Value = String> {
    prop_oneof!["(/[a-zA-Z0-9._~!$&'()*+,;=:@é-]{0,4}|/|%[0-9a-fA-F]{2}){1,6}", any::<String>()]
}

fn backend() -> impl Strategy<Value = String> {
    let name = prop_oneof![
        "[a-z0-9]{1,5}(\\.[a-z0-9]{1,5}){0,3}(\\.svc)?(\\.cluster\\.local)?\\.?",
        Just("localhost".to_owned()),
        any::<std::net::Ipv4Addr>().prop_map(|ip| ip.to_string()),
        any::<std::net::Ipv6Addr>().prop_map(|ip| format!("[{ip}]")),
        any::<String>(),
    ];
    ("(http://|h2c://)?", name, "[0-9]{1,5}|[a-z][a-z0-9-]{0,10}")
        .prop_map(|(scheme, name, port)| format!("{scheme}{name}:{port}"))
}

/// What is read and written is read again as the same.
fn comes_back<T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug>(
    text: &str,
) -> Result<(), TestCaseError> {
    if let Ok(value) = text.parse::<T>() {
        let written = value.to_string();
        prop_assert_eq!(written.parse::<T>().ok(), Some(value), "{} -> {}", text, written);
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_host_pattern_is_read_as_it_is_written(text in host()) {
        comes_back::<HostPattern>(&text)?;
    }

    #[test]
    fn a_path_prefix_is_read_as_it_is_written(text in path()) {
        comes_back::<PathPattern>(&text)?;
    }

    #[test]
    fn a_backend_is_read_as_it_is_written(text in backend()) {
        comes_back::<Backend>(&text)?;
    }

    #[test]
    fn a_secret_is_read_as_it_is_written(text in prop_oneof!["([a-z0-9-]{1,5}/)?[a-z0-9.-]{1,9}", any::<String>()]) {
        comes_back::<SecretName>(&text)?;
        // and no other character ever gets into a path of the API
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-./".contains(&b);
        prop_assert!(text.parse::<SecretName>().is_err() || text.bytes().all(plain) && text.matches('/').count() <= 1);
    }

    #[test]
    fn a_duration_is_read_as_it_is_written(text in prop_oneof!["([0-9]{1,4}d)?([0-9]{1,5}h)?([0-9]{1,5}m)?([0-9]{1,4}s)?([0-9]{1,6}ms)?", any::<String>()]) {
        comes_back::<Duration>(&text)?;
    }

    #[test]
    fn a_size_is_read_as_it_is_written(text in prop_oneof!["[0-9]{1,19}([KMGT]i|[kKMGT])?", any::<String>()], bytes: u64) {
        comes_back::<Size>(&text)?;
        prop_assert_eq!(Size(bytes).to_string().parse(), Ok(Size(bytes)));
    }

    #[test]
    fn a_template_is_read_as_it_is_written(text in "([a-z{} ]{0,3}|\\{\\{|\\}\\}|\\{host\\}|\\{client\\.ip\\}|\\{path\\}){0,6}") {
        comes_back::<Template>(&text)?;
    }

    #[test]
    fn any_text_is_read_or_refused_with_places(text in any::<String>()) {
        every_problem_has_a_place(&text)?;
    }

    #[test]
    fn a_damaged_file_is_read_or_refused_with_places(text in mutated(EXAMPLES[1].1)) {
        every_problem_has_a_place(&text)?;
    }

    #[test]
    fn a_damaged_manifest_is_read_or_refused(text in mutated("apiVersion: v1\nkind: ConfigMap\ndata:\n  routes.yaml: |\n    routes:\n    - host: a\n      backend: a:1\n")) {
        every_problem_has_a_place(&text)?;
    }

    #[test]
    fn one_bad_route_among_good_ones_never_changes_the_others(
        count in 1..12usize,
        at in 0..12usize,
        bad in prop::sample::select(vec![
            "backend: oops", "backend: \"a:1\", path: {regex: \"(\"}", "backend: \"a:1\", auth: {}", "match: {methods: 5}",
            "backend: \"a:1\", timeouts: {connect: 1}", "respond: {}, redirect: {}", "backend: \"a:1\", backend: \"b:1\"",
        ]),
    ) {
        let mut lines: Vec<String> = (0..count).map(|n| format!("- {{host: h{n}.example, path: /p, backend: \"app:{}\"}}", n + 1)).collect();
        let alone = good(&format!("routes:\n{}\n", lines.join("\n"))).routes;
        let at = at.min(count);
        lines.insert(at, format!("- {{host: bad.example, {bad}}}"));
        let parsed = parse(&format!("routes:\n{}\n", lines.join("\n")), "x").unwrap();
        prop_assert!(!parsed.is_clean());
        prop_assert_eq!(parsed.bad_routes(), 1);
        let (config, _) = parsed.settle(None).unwrap();
        let (spoiled, rest): (Vec<_>, Vec<_>) = config.routes.into_iter().partition(|route| route.hosts[0].to_string() == "bad.example");
        prop_assert!(spoiled.iter().all(|route| route.action == Action::Broken) && spoiled.len() == 1);
        let without_line = |routes: Vec<Route>| -> Vec<Route> { routes.into_iter().map(|route| Route { line: 0, ..route }).collect() };
        prop_assert_eq!(without_line(rest), without_line(alone));
    }
}
