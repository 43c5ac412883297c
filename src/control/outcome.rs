//! What became of a text: [`Outcome`], and how it is told in few words.

use std::collections::HashSet;

use crate::config::{Problem, Severity};

/// Problems named in one log line or Event; a file with more has one cause, and `gatepost check` names them all.
const NAMED: usize = 5;

/// What [`Applier::apply`](super::Applier::apply) did with a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// In a word.
    pub verdict: Verdict,
    /// Of the table that serves now; 0 when there is none yet.
    pub generation: u64,
    /// Host and path pairs that serve now.
    pub routes: usize,
    /// Everything that was found, warnings too.
    pub problems: Vec<Problem>,
}

/// What became of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// All of it is live.
    Applied,
    /// What was good of it is live; the rest keeps its last good version or is a tombstone.
    Partly,
    /// Nothing of it is live, nothing has changed.
    Refused,
    /// It is the text that was judged last.
    Unchanged,
}

/// The reason of a Kubernetes Event. Scripts read these words.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// `RoutesApplied`
    Applied,
    /// `RoutesRejected`
    Rejected,
    /// `RoutesPartlyApplied`
    PartlyApplied,
    /// `CertificateRejected`
    CertificateRejected,
    /// `LeaderElected`
    LeaderElected,
    /// What [`Notice::reason`](crate::dns::Notice::reason) says.
    Dns {
        /// It.
        reason: &'static str,
        /// Somebody should look.
        is_warning: bool,
    },
}

impl Reason {
    /// As it stands in the Event.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::Applied => "RoutesApplied",
            Reason::Rejected => "RoutesRejected",
            Reason::PartlyApplied => "RoutesPartlyApplied",
            Reason::CertificateRejected => "CertificateRejected",
            Reason::LeaderElected => "LeaderElected",
            Reason::Dns { reason, is_warning: _ } => reason,
        }
    }
}

impl Verdict {
    /// As the metric's label.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Applied => "applied",
            Verdict::Partly => "partly",
            Verdict::Refused => "refused",
            Verdict::Unchanged => "unchanged",
        }
    }
}

impl Outcome {
    /// What is told outside, if anything is: a text that was judged before is not told again.
    pub fn reason(&self) -> Option<Reason> {
        match self.verdict {
            Verdict::Applied => Some(Reason::Applied),
            Verdict::Partly => Some(Reason::PartlyApplied),
            Verdict::Refused => Some(Reason::Rejected),
            Verdict::Unchanged => None,
        }
    }

    /// In a sentence or two, the first problems with their places.
    pub fn summary(&self) -> String {
        let Outcome { verdict, generation, routes, problems } = self;
        let named = naming(problems);
        match verdict {
            Verdict::Applied if named.is_empty() => format!("Generation {generation} serves {routes} routes"),
            Verdict::Applied => format!("Generation {generation} serves {routes} routes; {named}"),
            Verdict::Partly => format!(
                "What is wrong keeps its last good version or answers 503, the rest serves as generation {generation}: {named}"
            ),
            Verdict::Refused if *generation == 0 => format!("Nothing serves yet: {named}"),
            Verdict::Refused => format!("Nothing changes, generation {generation} serves on: {named}"),
            Verdict::Unchanged => format!("Unchanged, generation {generation} serves on"),
        }
    }
}

/// The first problems in one line, errors before warnings.
pub(super) fn naming(problems: &[Problem]) -> String {
    let of = |severity| problems.iter().filter(move |problem| problem.severity == severity);
    let mut named: Vec<String> =
        of(Severity::Error).chain(of(Severity::Warning)).take(NAMED).map(Problem::to_string).collect();
    if problems.len() > NAMED {
        named.push(format!("and {} more", problems.len() - NAMED));
    }
    named.join("; ")
}

/// How many routes have an error. The keys `routes[3].timeouts.connect` and `routes[3].path` are of one route; a problem
/// without keys is known by its line.
pub(super) fn wrong_routes(problems: &[Problem]) -> usize {
    let errors = problems.iter().filter(|problem| problem.severity == Severity::Error);
    let routes: HashSet<(&str, u32)> = errors
        .map(|problem| match problem.path.split_once(']') {
            Some((route, _)) => (route, 0),
            None => ("", problem.line),
        })
        .collect();
    routes.len()
}

/// All of them, one a line.
pub(super) fn lines(problems: &[Problem]) -> String {
    problems.iter().map(Problem::to_string).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problem(severity: Severity, line: u32) -> Problem {
        Problem::new(severity, "routes.yaml", line, 3, format!("message {line}"))
    }

    fn outcome(verdict: Verdict, generation: u64, problems: Vec<Problem>) -> Outcome {
        Outcome { verdict, generation, routes: 2, problems }
    }

    #[test]
    fn errors_are_named_before_warnings_and_what_is_left_out_is_counted() {
        let mut problems = vec![problem(Severity::Warning, 1)];
        problems.extend((2..9).map(|line| problem(Severity::Error, line)));
        let text = naming(&problems);
        assert!(text.starts_with("routes.yaml:2:3: message 2; routes.yaml:3:3: message 3; "), "{text}");
        assert!(text.ends_with("; and 3 more") && !text.contains("message 1"), "{text}");
    }

    #[test]
    fn a_route_with_two_errors_is_one_wrong_route() {
        let mut problems = vec![problem(Severity::Error, 4), problem(Severity::Error, 5), problem(Severity::Error, 9)];
        problems[0].path = "routes[3].path".to_owned();
        problems[1].path = "routes[3].timeouts.connect".to_owned();
        problems.push(problem(Severity::Warning, 11));
        assert_eq!(wrong_routes(&problems), 2);
    }

    #[test]
    fn every_verdict_says_what_serves_now() {
        let bad = || vec![problem(Severity::Error, 4)];
        for (outcome, expected) in [
            (outcome(Verdict::Applied, 3, vec![]), "Generation 3 serves 2 routes"),
            (
                outcome(Verdict::Refused, 3, bad()),
                "Nothing changes, generation 3 serves on: routes.yaml:4:3: message 4",
            ),
            (outcome(Verdict::Refused, 0, bad()), "Nothing serves yet: routes.yaml:4:3: message 4"),
            (
                outcome(Verdict::Partly, 3, bad()),
                "What is wrong keeps its last good version or answers 503, the rest serves as generation 3: routes.yaml:4:3: message 4",
            ),
        ] {
            assert_eq!(outcome.summary(), expected);
        }
    }

    #[test]
    fn the_words_that_scripts_read_stay() {
        let reasons = [
            Reason::Applied,
            Reason::Rejected,
            Reason::PartlyApplied,
            Reason::CertificateRejected,
            Reason::LeaderElected,
        ];
        let words = ["RoutesApplied", "RoutesRejected", "RoutesPartlyApplied", "CertificateRejected", "LeaderElected"];
        assert_eq!(reasons.map(Reason::as_str), words);
        assert_eq!(outcome(Verdict::Unchanged, 1, vec![]).reason(), None);
    }
}
