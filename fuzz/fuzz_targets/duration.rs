//! Small texts: durations, sizes and amounts of money are read as what they say, or refused.

#![no_main]

use libfuzzer_sys::fuzz_target;
use windlass_model::Money;
use windlass_yaml::{duration, nanos, size};

fuzz_target!(|text: &str| {
    if let Ok(read) = duration(text) {
        let millis = u64::try_from(read.as_millis()).expect("a duration was read from whole milliseconds");
        assert_eq!(duration(&format!("{millis}ms")), Ok(read), "{text}");
    }
    if let Ok(bytes) = size(text) {
        assert_eq!(size(&bytes.to_string()), Ok(bytes), "{text}");
    }
    if let Ok(nanos) = nanos(text) {
        assert!(nanos >= 0, "{text}");
        assert_eq!(Money::parse(text), Some(Money(nanos)), "{text}");
    }
    if let Some(money) = Money::parse(text) {
        assert_eq!(Money::parse(&money.to_string()), Some(money), "{text}");
    }
});
