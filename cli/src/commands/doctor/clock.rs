//! How far another machine's clock is from this one, by the moment that an HTTP answer bears.
//! Must not know whom it was asked of.

/// Seconds by which it is ahead of `now_ms`, or behind. `date` is as RFC 9110 (5.6.7) prefers it, such
/// as `Fri, 27 Nov 2026 04:29:38 GMT`; none where it is written otherwise.
pub(super) fn ahead_s(date: &str, now_ms: u64) -> Option<i64> {
    Some(seconds_of(date)? - i64::try_from(now_ms / 1_000).ok()?)
}

/// Seconds since 1970.
fn seconds_of(date: &str) -> Option<i64> {
    let (_, rest) = date.split_once(", ")?;
    let mut parts = rest.split(' ');
    let day: i64 = parts.next()?.parse().ok()?;
    let names =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = parts.next()?;
    let month = i64::try_from(names.iter().position(|known| *known == name)?).ok()?;
    let year: i64 = parts.next()?.parse().ok()?;
    let mut clock = parts.next()?.split(':').map(|part| part.parse::<i64>().ok());
    let (hours, minutes, seconds) = (clock.next()??, clock.next()??, clock.next()??);
    (parts.next()? == "GMT").then_some(())?;
    // Years are counted from March, so that a leap day is the last of its year.
    let (year, month) = if month < 2 { (year - 1, month + 10) } else { (year, month - 2) };
    let leap_days = year / 4 - year / 100 + year / 400;
    let days = 365 * year + leap_days + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some(((days * 24 + hours) * 60 + minutes) * 60 + seconds)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_over_leap_days_and_ends_of_years() {
        assert_eq!(seconds_of("Thu, 01 Jan 1970 00:00:00 GMT"), Some(0));
        assert_eq!(seconds_of("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777));
        assert_eq!(seconds_of("Tue, 29 Feb 2000 23:59:59 GMT"), Some(951_868_799));
        assert_eq!(seconds_of("Wed, 01 Mar 2000 00:00:00 GMT"), Some(951_868_800));
        assert_eq!(seconds_of("Thu, 31 Dec 2026 23:59:59 GMT"), Some(1_798_761_599));
        assert_eq!(ahead_s("Thu, 01 Jan 1970 00:01:00 GMT", 90_500), Some(-30));
    }

    #[test]
    fn what_is_no_moment_says_nothing() {
        for date in [
            "",
            "now",
            "Fri, 27 Nov",
            "Fri, 27 Nix 2026 04:29:38 GMT",
            "Fri, 27 Nov 2026 04:29 GMT",
        ] {
            assert_eq!(ahead_s(date, 0), None, "{date}");
        }
    }
}
