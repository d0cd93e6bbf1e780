//! Moments and the spans between them, as Python's `datetime` and `timedelta` know them: for `to_datetime`,
//! `now()`, and what people compute with their results.

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::{SignedDuration, Timestamp, Zoned, tz::TimeZone};
use minijinja::value::{DynObject, Object, ObjectRepr};
use minijinja::{Error, ErrorKind, State, Value};

use crate::args::invalid;
use crate::meter::charge;
use crate::repr;

/// A date and a time of day, of no certain place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Moment {
    time: DateTime,
    /// Whether only the day counts.
    whole_day: bool,
}

impl Moment {
    /// What the local clock shows, or the clock of the world.
    pub(crate) fn now(utc: bool) -> Moment {
        let now = Zoned::now();
        let time = if utc { now.with_time_zone(TimeZone::UTC) } else { now }.datetime();
        // Python's clocks have microseconds.
        let micro = time.subsec_nanosecond() / 1000 * 1000;
        let time = time.with().subsec_nanosecond(micro).build().unwrap_or(time);
        Moment { time, whole_day: false }
    }

    /// Reads a text in a form of `strptime`.
    pub(crate) fn read(text: &str, form: &str) -> Result<Moment, Error> {
        charge(text.len() + form.len())?;
        let fail = || invalid(format!("`{text}` does not have the form `{form}`"));
        let read = strtime::parse(form, text).map_err(|_| fail())?;
        let day = || read.to_date().map(|day| day.at(0, 0, 0, 0));
        let time = read.to_datetime().or_else(|_| day()).map_err(|_| fail())?;
        Ok(Moment { time, whole_day: false })
    }

    /// Reads a day: `2024-02-29`.
    pub(crate) fn day(text: &str) -> Result<Moment, Error> {
        let day = strtime::parse("%Y-%m-%d", text).and_then(|day| day.to_date());
        let day = day.map_err(|_| invalid(format!("`{text}` is no day")))?;
        Ok(Moment { time: day.at(0, 0, 0, 0), whole_day: true })
    }

    /// Writes it in a form of `strftime`.
    fn written(&self, form: &str) -> Result<String, Error> {
        let zoned = self.time.to_zoned(TimeZone::UTC).map_err(|e| invalid(e.to_string()))?;
        written(form, &zoned)
    }
}

/// Writes a time in a form of `strftime`.
pub(crate) fn written(form: &str, time: &Zoned) -> Result<String, Error> {
    charge(form.len().saturating_mul(16))?;
    strtime::format(form, time).map_err(|e| invalid(format!("a time cannot be written as `{form}`: {e}")))
}

/// The time so many seconds after the start of 1970, or now.
pub(crate) fn at(seconds: Option<f64>, utc: bool) -> Result<Zoned, Error> {
    let zone = if utc { TimeZone::UTC } else { TimeZone::system() };
    let time = match seconds {
        Some(seconds) => Timestamp::from_second(seconds.floor() as i64)
            .map_err(|_| invalid(format!("{seconds} seconds are out of the range of times")))?,
        None => Timestamp::now(),
    };
    Ok(time.to_zoned(zone))
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (date, time) = (self.time.date(), self.time.time());
        write!(f, "{date}")?;
        if self.whole_day {
            return Ok(());
        }
        write!(f, " {:02}:{:02}:{:02}", time.hour(), time.minute(), time.second())?;
        match time.subsec_nanosecond() / 1000 {
            0 => Ok(()),
            micro => write!(f, ".{micro:06}"),
        }
    }
}

impl Object for Moment {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        Some(match key.as_str()? {
            "year" => self.time.year().into(),
            "month" => self.time.month().into(),
            "day" => self.time.day().into(),
            "hour" if !self.whole_day => self.time.hour().into(),
            "minute" if !self.whole_day => self.time.minute().into(),
            "second" if !self.whole_day => self.time.second().into(),
            "microsecond" if !self.whole_day => (self.time.subsec_nanosecond() / 1000).into(),
            _ => return None,
        })
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (name, args) {
            ("strftime", [form]) => self.written(&repr::text(form)?).map(Value::from),
            ("isoformat", []) => Ok(self.to_string().replacen(' ', "T", 1).into()),
            ("date", []) => Ok(Value::from_object(Moment { whole_day: true, ..**self })),
            ("weekday", []) => Ok(self.time.weekday().to_monday_zero_offset().into()),
            ("isoweekday", []) => Ok(self.time.weekday().to_monday_one_offset().into()),
            ("timestamp", []) => {
                let zoned = self.time.to_zoned(TimeZone::system()).map_err(|e| invalid(e.to_string()))?;
                Ok(Value::from(zoned.timestamp().as_microsecond() as f64 / 1e6))
            }
            _ => Err(Error::new(
                ErrorKind::UnknownMethod,
                format!("a time has no method `{name}` for these arguments"),
            )),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.time.cmp(&other.downcast_ref::<Moment>()?.time))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The time from one moment to another.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Span(SignedDuration);

impl Span {
    /// Whole days, down; the seconds of the rest; the microseconds of that.
    fn parts(self) -> (i64, i64, i64) {
        let micros = self.0.as_micros();
        let day = 86_400_000_000;
        let (days, rest) = (micros.div_euclid(day), micros.rem_euclid(day));
        (days as i64, (rest / 1_000_000) as i64, (rest % 1_000_000) as i64)
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, seconds, micros) = self.parts();
        match days {
            0 => {}
            1 | -1 => write!(f, "{days} day, ")?,
            days => write!(f, "{days} days, ")?,
        }
        write!(f, "{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)?;
        match micros {
            0 => Ok(()),
            micros => write!(f, ".{micros:06}"),
        }
    }
}

impl Object for Span {
    fn repr(self: &Arc<Self>) -> ObjectRepr {
        ObjectRepr::Plain
    }

    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let (days, seconds, micros) = self.parts();
        match key.as_str()? {
            "days" => Some(days.into()),
            "seconds" => Some(seconds.into()),
            "microseconds" => Some(micros.into()),
            _ => None,
        }
    }

    fn call_method(
        self: &Arc<Self>,
        _: &mut State<'_, '_>,
        name: &str,
        args: &[Value],
    ) -> Result<Value, Error> {
        match (name, args) {
            ("total_seconds", []) => Ok(Value::from(self.0.as_micros() as f64 / 1e6)),
            _ => Err(Error::new(ErrorKind::UnknownMethod, format!("a span of time has no method `{name}`"))),
        }
    }

    fn custom_cmp(self: &Arc<Self>, other: &DynObject) -> Option<Ordering> {
        Some(self.0.cmp(&other.downcast_ref::<Span>()?.0))
    }

    fn render(self: &Arc<Self>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of the type in Python, for a time or a span of it.
pub(crate) fn type_name(value: &Value) -> Option<&'static str> {
    match (value.downcast_object_ref::<Moment>(), value.downcast_object_ref::<Span>()) {
        (Some(moment), _) => Some(if moment.whole_day { "date" } else { "datetime" }),
        (_, Some(_)) => Some("timedelta"),
        _ => None,
    }
}

/// Orders two times, or two spans of time.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<Ordering> {
    let moments = (a.downcast_object_ref::<Moment>(), b.downcast_object_ref::<Moment>());
    let spans = (a.downcast_object_ref::<Span>(), b.downcast_object_ref::<Span>());
    match (moments, spans) {
        ((Some(a), Some(b)), _) => Some(a.time.cmp(&b.time)),
        (_, (Some(a), Some(b))) => Some(a.0.cmp(&b.0)),
        _ => None,
    }
}

/// The difference of two times, or a time earlier by a span; `None` for other values.
pub(crate) fn sub(a: &Value, b: &Value) -> Option<Result<Value, Error>> {
    let from = a.downcast_object_ref::<Moment>()?;
    if let Some(to) = b.downcast_object_ref::<Moment>() {
        return Some(Ok(Value::from_object(Span(to.time.duration_until(from.time)))));
    }
    let span = b.downcast_object_ref::<Span>()?;
    Some(moved(from, -span.0))
}

/// A time later by a span; `None` for other values.
pub(crate) fn add(a: &Value, b: &Value) -> Option<Result<Value, Error>> {
    Some(moved(a.downcast_object_ref::<Moment>()?, b.downcast_object_ref::<Span>()?.0))
}

fn moved(from: &Moment, by: SignedDuration) -> Result<Value, Error> {
    let time = from.time.checked_add(by).map_err(|_| invalid("the time is out of range"))?;
    Ok(Value::from_object(Moment { time, ..*from }))
}
