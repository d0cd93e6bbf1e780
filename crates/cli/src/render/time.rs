//! Durations and points in time, as people read them.

use jiff::tz::TimeZone;
use jiff::{Timestamp, Unit};

/// A duration in milliseconds: `38ms`, `0.3s`, `42s`, `3m07s`, `2h05m`, `3d04h`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match seconds {
        0 if ms < 100 => format!("{ms}ms"),
        0..10 => format!("{}.{}s", seconds, ms % 1000 / 100),
        10..60 => format!("{seconds}s"),
        60..3600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{}h{:02}m", seconds / 3600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3600 % 24),
    }
}

/// A point in time, given in milliseconds since 1970: `2026-03-01 14:05:09` here.
pub(crate) fn date(unix_ms: u64) -> String {
    date_in(unix_ms, TimeZone::system())
}

fn date_in(unix_ms: u64, zone: TimeZone) -> String {
    let at = i64::try_from(unix_ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    match at {
        Some(at) => at.to_zoned(zone).strftime("%Y-%m-%d %H:%M:%S").to_string(),
        None => "-".to_owned(),
    }
}

/// How long ago that was: `just now`, `5m ago`, `3d ago`.
pub(crate) fn ago(unix_ms: u64, now_ms: u64) -> String {
    let seconds = now_ms.saturating_sub(unix_ms) / 1000;
    match seconds {
        0..10 => "just now".to_owned(),
        10..60 => format!("{seconds}s ago"),
        60..3600 => format!("{}m ago", seconds / 60),
        3600..86_400 => format!("{}h ago", seconds / 3600),
        _ => format!("{}d ago", seconds / 86_400),
    }
}

/// Now, in milliseconds since 1970.
pub(crate) fn now() -> u64 {
    let now = Timestamp::now().round(Unit::Millisecond).unwrap_or(Timestamp::UNIX_EPOCH);
    u64::try_from(now.as_millisecond()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_two_units_at_most() {
        for (ms, want) in [
            (0, "0ms"),
            (99, "99ms"),
            (340, "0.3s"),
            (9_999, "9.9s"),
            (42_000, "42s"),
            (187_000, "3m07s"),
            (7_500_000, "2h05m"),
            (273_600_000, "3d04h"),
        ] {
            assert_eq!(duration(ms), want);
        }
    }

    #[test]
    fn dates_are_those_of_the_place() {
        assert_eq!(date_in(1_700_000_000_000, TimeZone::UTC), "2023-11-14 22:13:20");
        assert_eq!(date_in(u64::MAX, TimeZone::UTC), "-");
    }

    #[test]
    fn an_age_has_one_unit() {
        for (age_s, want) in
            [(3, "just now"), (59, "59s ago"), (61, "1m ago"), (7200, "2h ago"), (200_000, "2d ago")]
        {
            assert_eq!(ago(1_000, 1_000 + age_s * 1000), want);
        }
    }
}
