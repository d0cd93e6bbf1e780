//! Times as Ansible writes them. They are in UTC: a host's local time says little to whoever reads the journal
//! of many hosts.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment as `2024-02-29 12:00:00.000001`.
pub(crate) fn stamp(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let ((year, month, day), second) = civil(since.as_secs());
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{:06}", since.subsec_micros())
}

/// A moment as Ansible puts it in the name of a backup: `2024-02-29@12:00:00`.
pub(crate) fn backup(time: SystemTime) -> String {
    stamp(time)[..19].replace(' ', "@")
}

/// A length of time as Python's `timedelta` shows it: `0:00:01.500000`.
pub(crate) fn delta(length: Duration) -> String {
    let seconds = length.as_secs();
    let days = match seconds / 86_400 {
        0 => String::new(),
        1 => "1 day, ".to_owned(),
        days => format!("{days} days, "),
    };
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{days}{hour}:{minute:02}:{second:02}.{:06}", length.subsec_micros())
}

/// A moment as HTTP writes it: `Thu, 29 Feb 2024 12:00:00 GMT`.
pub(crate) fn http(time: SystemTime) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let seconds = time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let ((year, month, day), second) = civil(seconds);
    let name = |names: &'static [&str], at: u64| {
        usize::try_from(at).ok().and_then(|at| names.get(at)).unwrap_or(&"")
    };
    let (week, month) = (name(&DAYS, seconds / 86_400 % 7), name(&MONTHS, month - 1));
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{week}, {day:02} {month} {year:04} {hour:02}:{minute:02}:{second:02} GMT")
}

/// The date, and the second of its day, of a moment counted in seconds from 1970-01-01.
pub(crate) fn civil(seconds: u64) -> ((u64, u64, u64), u64) {
    (date(seconds / 86_400), seconds % 86_400)
}

/// The Gregorian date of a day counted from 1970-01-01, by eras of 400 years that begin in March, so that the
/// leap day is the last of its year.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

/// The number of a day counted from 1970-01-01: the way back from [`date`]. None before that day.
pub(crate) fn days(year: u64, month: u64, day: u64) -> Option<i64> {
    let year = if month <= 2 { year.checked_sub(1)? } else { year };
    let (era, of_era) = (year / 400, year % 400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day.checked_sub(1)?;
    let of_era = of_era * 365 + of_era / 4 - of_era / 100 + of_year;
    i64::try_from((era * 146_097 + of_era).checked_sub(719_468)?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stamps_and_lengths() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00.000007"),
            (951_782_400, "2000-02-29 00:00:00.000007"),
            (1_709_208_000, "2024-02-29 12:00:00.000007"),
            (4_102_444_799, "2099-12-31 23:59:59.000007"),
        ] {
            assert_eq!(stamp(UNIX_EPOCH + Duration::new(seconds, 7_000)), expected);
        }
        for day in [0, 58, 59, 60, 11_016, 11_017, 19_782, 19_783, 47_540] {
            let (year, month, of_month) = date(day);
            assert_eq!(days(year, month, of_month), i64::try_from(day).ok());
        }
        assert_eq!((days(1969, 12, 31), days(2000, 1, 0)), (None, None));
        assert_eq!(http(UNIX_EPOCH), "Thu, 01 Jan 1970 00:00:00 GMT");
        let leap = UNIX_EPOCH + Duration::from_secs(951_827_696);
        assert_eq!(http(leap), "Tue, 29 Feb 2000 12:34:56 GMT");
        assert_eq!(backup(UNIX_EPOCH), "1970-01-01@00:00:00");
        assert_eq!(delta(Duration::from_micros(3_661_000_002)), "1:01:01.000002");
        assert_eq!(delta(Duration::from_secs(90_000)), "1 day, 1:00:00.000000");
    }
}
