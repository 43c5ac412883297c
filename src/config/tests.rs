//! Claims about whole files: what is told of mistakes, and what goes live in spite of them.

use super::*;

#[test]
fn every_example_parses_clean() {
    for (name, text) in EXAMPLES {
        let parsed = parse(text, name).unwrap();
        assert_eq!(parsed.problems, [], "{name}");
        parsed.settle(None).unwrap();
    }
}

const EXAMPLES: [(&str, &str); 3] = [
    ("minimal.yaml", include_str!("../../config/minimal.yaml")),
    ("full.yaml", include_str!("../../config/full.yaml")),
    ("demo.yaml", include_str!("../../config/demo.yaml")),
];
