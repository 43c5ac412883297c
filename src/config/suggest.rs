//! The nearest right word for a wrong one. One door: [`nearest`].

/// The candidate that `word` most likely means, or none when nothing is near. Case, `-` and `_` do not count, so that
/// `first_byte` finds `firstByte`.
pub(super) fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    // a wrong word of any length may stand here; the table below grows with its square
    if word.len() > 64 {
        return None;
    }
    let plain = plain(word);
    let allowed = (plain.len() / 3).max(1);
    candidates
        .into_iter()
        .map(|candidate| (distance(&plain, &self::plain(candidate)), candidate))
        .filter(|(distance, candidate)| *distance <= allowed && *distance < candidate.len())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

fn plain(word: &str) -> Vec<char> {
    word.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).map(|c| c.to_ascii_lowercase()).collect()
}

/// Insertions, deletions, substitutions and swaps of neighbours that turn one word into the other.
fn distance(a: &[char], b: &[char]) -> usize {
    let mut before: Vec<usize> = vec![0; b.len() + 1];
    let mut above: Vec<usize> = (0..=b.len()).collect();
    for (i, &x) in a.iter().enumerate() {
        let mut row = vec![i + 1; b.len() + 1];
        for (j, &y) in b.iter().enumerate() {
            let mut least = (above[j] + usize::from(x != y)).min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && x == b[j - 1] && a[i - 1] == y {
                least = least.min(before[j - 1] + 1);
            }
            row[j + 1] = least;
        }
        before = std::mem::replace(&mut above, row);
    }
    above[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_finger_finds_its_word() {
        let keys = ["backend", "backends", "firstByte", "timeouts", "host"];
        for (wrong, right) in [
            ("bakend", "backend"),
            ("backned", "backend"),
            ("first_byte", "firstByte"),
            ("Timeout", "timeouts"),
            ("hots", "host"),
        ] {
            assert_eq!(nearest(wrong, keys), Some(right), "{wrong}");
        }
    }

    #[test]
    fn a_word_that_is_like_nothing_finds_nothing() {
        for wrong in ["zzz", "", "x", "completely", &"host".repeat(100)] {
            assert_eq!(nearest(wrong, ["host", "backend"]), None, "{wrong}");
        }
    }
}
