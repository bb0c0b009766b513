//! Guesses at what somebody meant to write.
//!
//! Owns the measure of nearness between words. It must not know which words exist.

/// Words longer than this are nobody's slip of the pen; it also bounds the work.
const LONGEST: usize = 40;

/// The nearest of `known` to `written`, if it is near enough to be a slip.
///
/// Near is an edit distance of at most two. In words of up to four letters nearly everything is
/// that near, so two edits count there only when the first letter is right.
#[must_use]
pub fn nearest<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    if written.is_empty() || written.len() > LONGEST {
        return None;
    }
    let lower = written.to_ascii_lowercase();
    let scored = known.iter().filter_map(|word| {
        let distance = distance(&lower, word, 2)?;
        let short = word.len() <= 4 && distance == 2;
        let starts_alike = lower.chars().next() == word.chars().next();
        (distance < word.len() && (!short || starts_alike)).then_some((distance, *word))
    });
    scored.min_by_key(|(distance, _)| *distance).map(|(_, word)| word)
}

/// The known key that an own key was perhaps meant to be.
///
/// A key with a separator that the known one lacks (`tags_x`) is the author's own word.
pub(crate) fn misspelt<'k>(written: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = nearest(written, known)?;
    let separators = |text: &str| text.matches(['_', '-']).count();
    (separators(written) <= separators(word)).then_some(word)
}

/// Edits (insert, delete, replace, swap neighbours) from one word to the other, if at most `most`.
fn distance(left: &str, right: &str, most: usize) -> Option<usize> {
    let left: Vec<char> = left.chars().collect();
    let right: Vec<char> = right.chars().collect();
    if left.len().abs_diff(right.len()) > most {
        return None;
    }
    let mut before: Vec<usize> = Vec::new();
    let mut above: Vec<usize> = (0..=right.len()).collect();
    for (i, l) in left.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, r) in right.iter().enumerate() {
            let replaced = above[j] + usize::from(l != r);
            let mut best = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            let swapped = i > 0 && j > 0 && *l == right[j - 1] && left[i - 1] == *r;
            if swapped {
                best = best.min(before[j - 1] + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut above, row);
    }
    above.last().copied().filter(|edits| *edits <= most)
}

#[cfg(test)]
mod tests;
