//! Which of several forms a client likes best.
//!
//! Owns the reading of `Accept` (RFC 9110, section 12.5.1); must not know the forms.

use http::HeaderMap;
use http::header::ACCEPT;

/// The place of the form that is liked best, the first of equals; `None` if none is taken. Without the
/// header all are.
#[must_use]
pub fn best(headers: &HeaderMap, forms: &[&str]) -> Option<usize> {
    let values = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let ranges: Vec<Range<'_>> =
        values.flat_map(|list| list.split(',')).filter_map(Range::read).collect();
    if ranges.is_empty() {
        return (!headers.contains_key(ACCEPT) && !forms.is_empty()).then_some(0);
    }
    let mut best = None;
    for (at, form) in forms.iter().enumerate() {
        // The range that says most of a form is the one that counts.
        let fitting = ranges.iter().filter_map(|range| Some((range.fits(form)?, range.weight)));
        let weight = fitting.max_by_key(|(exact, _)| *exact).map_or(0, |(_, weight)| weight);
        if weight > best.map_or(0, |(_, weight)| weight) {
            best = Some((at, weight));
        }
    }
    best.map(|(at, _)| at)
}

/// One range of media types with its weight, in thousandths.
struct Range<'a> {
    kind: &'a str,
    weight: u16,
}

impl<'a> Range<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let kind = parts.next().filter(|kind| kind.contains('/'))?;
        let named = parts.find_map(|part| part.strip_prefix("q=").or(part.strip_prefix("Q=")));
        let weight = named.map_or(Some(1.0), |named| named.parse::<f32>().ok())?;
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is clamped"
        )]
        let weight = (weight.clamp(0.0, 1.0) * 1000.0) as u16;
        Some(Self { kind, weight })
    }

    /// How exactly the range names a form, if it takes it.
    fn fits(&self, form: &str) -> Option<u8> {
        if self.kind == "*/*" {
            return Some(0);
        }
        if let Some(family) = self.kind.strip_suffix("/*") {
            let own = form.split_once('/')?.0;
            return own.eq_ignore_ascii_case(family).then_some(1);
        }
        self.kind.eq_ignore_ascii_case(form).then_some(2)
    }
}

#[cfg(test)]
mod tests {
    //! What clients say and what they get.

    use super::*;

    #[test]
    fn the_form_that_is_liked_best_is_taken() {
        const FORMS: [&str; 2] = ["text/event-stream", "application/x-ndjson"];
        for (accept, expected) in [
            ("*/*", Some(0)),
            ("text/event-stream", Some(0)),
            ("application/x-ndjson", Some(1)),
            ("Application/X-NDJSON", Some(1)),
            ("application/*", Some(1)),
            ("application/x-ndjson, text/event-stream;q=0.5", Some(1)),
            ("text/event-stream;q=0.4, application/x-ndjson;q=0.7", Some(1)),
            ("text/event-stream;q=0, */*", Some(1)),
            ("*/*;q=0.1, text/html", Some(0)),
            ("text/html, application/json", None),
            ("text/event-stream;q=0", None),
            ("nonsense", None),
            ("", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(ACCEPT, accept.parse().unwrap());
            assert_eq!(best(&headers, &FORMS), expected, "{accept}");
        }
        assert_eq!(best(&HeaderMap::new(), &FORMS), Some(0));
    }
}
