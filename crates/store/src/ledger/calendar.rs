//! Days and months of the universal calendar, by which budgets renew everywhere at the same moment.

const DAY_MS: u64 = 86_400_000;

/// Year, month and day of a point in time, given in milliseconds since 1970.
pub(super) fn date(unix_ms: u64) -> (u64, u64, u64) {
    // The years begin in March here, so that the leap day is a year's last. An era is 400 years.
    let days = unix_ms / DAY_MS + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march_month + 2) / 5 + 1;
    let month = if march_month < 10 { march_month + 3 } else { march_month - 9 };
    (era * 400 + year_of_era + u64::from(month <= 2), month, day)
}

/// When the next day begins.
pub(super) fn next_day(unix_ms: u64) -> u64 {
    (unix_ms / DAY_MS + 1) * DAY_MS
}

/// When the next month begins.
pub(super) fn next_month(unix_ms: u64) -> u64 {
    let month = date(unix_ms).1;
    let mut at = next_day(unix_ms);
    while date(at).1 == month {
        at += DAY_MS;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_and_months_are_those_of_the_calendar() {
        for (seconds, want) in [
            (0, (1970, 1, 1)),
            (951_782_400, (2000, 2, 29)),
            (951_868_800, (2000, 3, 1)),
            (1_709_164_799, (2024, 2, 28)),
            (1_735_689_599, (2024, 12, 31)),
            (4_107_542_400, (2100, 3, 1)),
        ] {
            assert_eq!(date(seconds * 1000), want, "{seconds}");
        }
        let noon = 1_735_646_400_000;
        assert_eq!((next_day(noon), next_month(noon)), (1_735_689_600_000, 1_735_689_600_000));
        assert_eq!(date(next_month(951_782_400_000)), (2000, 3, 1));
    }
}
