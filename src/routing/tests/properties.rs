//! The table against a reader of the documentation, on whatever routes and requests come up.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};

use super::*;

/// What the documentation says, route by route.
mod naive {
    use super::*;
    use regex_automata::meta::Regex;

    fn host_rank(pattern: &HostPattern, host: &str) -> Option<usize> {
        match pattern {
            HostPattern::Exact(name) => (name == host).then_some(usize::MAX),
            HostPattern::Wildcard(domain) => host.ends_with(&format!(".{domain}")).then_some(domain.len()),
            HostPattern::Any => Some(0),
        }
    }

    fn is_whole(pattern: &str, text: &str) -> bool {
        Regex::new(&format!("^(?:{pattern})$")).unwrap().is_match(text)
    }

    fn path_holds(pattern: &PathPattern, path: &str) -> bool {
        match pattern {
            PathPattern::Exact(exact) => path == exact,
            PathPattern::Regex(pattern) => is_whole(pattern, path),
            PathPattern::Prefix(prefix) => {
                format!("{path}/").starts_with(&format!("{}/", prefix.trim_end_matches('/')))
            }
        }
    }

    fn value_holds(wanted: &ValuePattern, value: &str) -> bool {
        match wanted {
            ValuePattern::Is(wanted) => wanted == value,
            ValuePattern::Regex(pattern) => is_whole(pattern, value),
            ValuePattern::Present => true,
        }
    }

    fn conditions_hold(conditions: &Conditions, asked: &Asked) -> bool {
        let Conditions { methods, headers, query } = conditions;
        let among = |wanted: &[(String, ValuePattern)], given: &[(String, String)]| {
            wanted
                .iter()
                .all(|(name, wanted)| given.iter().any(|(key, value)| key == name && value_holds(wanted, value)))
        };
        (methods.is_empty() || methods.contains(&asked.method))
            && among(headers, &asked.headers)
            && among(query, &asked.query)
    }

    /// The line of the winner.
    pub(super) fn find(routes: &[Route], asked: &Asked) -> u32 {
        let hosts = || routes.iter().flat_map(|route| route.hosts.iter().map(move |host| (host, route)));
        let Some(best) = hosts().filter_map(|(host, _)| host_rank(host, &asked.host)).max() else { return 0 };
        let first_with = |pattern: &str, host: &HostPattern| {
            let same = |route: &&Route| route.path == PathPattern::Regex(pattern.into()) && route.hosts.contains(host);
            routes.iter().find(same).map_or(0, |route| route.line)
        };
        let rank = |host: &HostPattern, route: &Route| {
            let (kind, within) = match &route.path {
                PathPattern::Exact(_) => (0, 0),
                PathPattern::Regex(pattern) => (1, first_with(pattern, host) as isize),
                PathPattern::Prefix(prefix) => (2, -(prefix.len() as isize)),
            };
            (kind, within, usize::MAX - route.conditions.count(), route.line)
        };
        hosts()
            .filter(|(host, _)| host_rank(host, &asked.host) == Some(best))
            .filter(|(_, route)| path_holds(&route.path, &asked.path) && conditions_hold(&route.conditions, asked))
            .min_by_key(|(host, route)| rank(host, route))
            .map_or(0, |(_, route)| route.line)
    }
}

#[derive(Debug)]
struct Asked {
    method: String,
    host: String,
    path: String,
    headers: Vec<(String, String)>,
    query: Vec<(String, String)>,
}

impl Asked {
    fn head(&self) -> Head {
        let query: Vec<String> = self.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let mark = if query.is_empty() { "" } else { "?" };
        let mut head = request(&self.method, &self.host, &format!("{}{mark}{}", self.path, query.join("&")));
        self.headers.iter().for_each(|(name, value)| head.push_str(name, value.as_bytes()));
        head
    }
}

const HOSTS: [&str; 9] = ["a", "b.a", "c.b.a", "a.b", "*", "*.a", "*.b.a", "*.b", "c.a"];
const PATHS: [&str; 14] =
    ["/", "/a", "/a/b", "/a/b/a", "/b", "=/", "=/a", "=/a/", "=/a/b", "~/a.*", "~/a/b|/b", "~/.*/b", "~/b", "~/"];
const CONDITIONS: [&str; 10] =
    ["GET", "POST", "x-a: 1", "x-a: ~1.*", "x-b", "x-b: 2", "?q=1", "?q=~[0-9]", "?r", "?r="];

fn routes() -> impl Strategy<Value = Vec<Route>> {
    let hosts = subsequence(HOSTS.to_vec(), 1..=2).prop_map(|hosts| hosts.join(" "));
    let route = (hosts, select(PATHS.to_vec()), subsequence(CONDITIONS.to_vec(), 0..=2))
        .prop_map(|(hosts, path, conditions)| when(route(&hosts, path), &conditions));
    vec(route, 0..16)
}

fn asked() -> impl Strategy<Value = Asked> {
    let host = vec(select(vec!["a", "b", "c"]), 1..4).prop_map(|labels| labels.join("."));
    let path = vec(select(vec!["a", "b", "c"]), 0..4).prop_map(|segments| format!("/{}", segments.join("/")));
    let path = (path, any::<bool>()).prop_map(|(path, slash)| if slash && path != "/" { path + "/" } else { path });
    let pairs = |names: [&'static str; 2]| {
        vec((select(names.to_vec()), select(vec!["", "1", "2", "12"])), 0..3)
            .prop_map(|pairs| pairs.into_iter().map(|(name, value)| (name.to_string(), value.to_string())).collect())
    };
    (select(vec!["GET", "POST"]), host, path, pairs(["x-a", "x-b"]), pairs(["q", "r"]))
        .prop_map(|(method, host, path, headers, query)| Asked { method: method.into(), host, path, headers, query })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_table_decides_as_a_reader_of_the_documentation_would(routes in routes(), asked in vec(asked(), 12)) {
        let config = config(routes);
        let table = RouteTable::build(&config, 1).unwrap();
        for asked in asked {
            prop_assert_eq!(line(&table, &asked.head()), naive::find(&config.routes, &asked), "{:?}", asked);
        }
    }
}
