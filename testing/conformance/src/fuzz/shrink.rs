//! Makes a failing case shorter: drops runs of lines, long runs first, as long as it still fails.
//! Pure, but for what the caller's check does.

use crate::driver::Case;

/// Checks that are made before the shortest case so far is taken.
const CHECKS_MAX: usize = 24;

/// The shortest case found that still fails.
pub(super) fn shrink(case: &Case, fails: impl Fn(&Case) -> bool) -> Case {
    let mut best = case.clone();
    let mut checks = 0;
    let mut size = best.len() / 2;
    while size > 0 && checks < CHECKS_MAX {
        let mut at = 0;
        while at < best.len() && checks < CHECKS_MAX {
            let end = (at + size).min(best.len());
            // The pauses stay: without them other differences show, which time makes.
            let is_left =
                |n: usize, line: &String| !(at..end).contains(&n) || line.starts_with("settle");
            let shorter: Case = best
                .iter()
                .enumerate()
                .filter(|(n, line)| is_left(*n, line))
                .map(|(_, line)| line.clone())
                .collect();
            if shorter.len() == best.len() {
                at += size;
                continue;
            }
            checks += 1;
            if fails(&shorter) {
                best = shorter;
            } else {
                at += size;
            }
        }
        size /= 2;
    }
    // Pauses in a row are one pause.
    best.dedup_by(|next, line| next.starts_with("settle") && line.starts_with("settle"));
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_matter_stay() {
        let case: Case = (0..40).map(|n| n.to_string()).collect();
        let needs = |case: &Case| ["7", "23"].iter().all(|n| case.iter().any(|line| line == n));
        assert_eq!(shrink(&case, needs), ["7", "23"]);
    }
}
