//! Numbers and dates as the page and the terminal print them.

use std::iter;
use std::ops::Range;

/// The number of significant digits of a measured number.
const SIGNIFICANT: i32 = 3;

/// The range of numbers that are written out. Others are written with their power of ten.
const PLAIN: Range<f64> = 1e-9..1e15;

/// A measured number with three significant digits and separated thousands: `0.94`, `68.4`, `2,310`, `1.21e21`.
pub fn measured(number: f64) -> String {
    if !number.is_finite() || number <= 0.0 {
        return "0".to_owned();
    }
    if !PLAIN.contains(&number) {
        return format!("{number:.2e}");
    }
    let mut magnitude = number.log10().floor() as i32;
    let unit = 10f64.powi(magnitude + 1 - SIGNIFICANT);
    let units = (number / unit).round();
    // Rounding may have carried over: 99.96 is 100, not 100.0.
    if units >= 10f64.powi(SIGNIFICANT) {
        magnitude += 1;
    }
    let rounded = units * unit;
    let decimals = SIGNIFICANT - 1 - magnitude;
    if decimals > 0 { format!("{rounded:.*}", decimals as usize) } else { separated(rounded.round() as u64) }
}

/// A number of any sign and unit: integers in full, others with three significant digits.
pub fn figure(number: f64) -> String {
    let sign = if number < 0.0 { "-" } else { "" };
    let size = number.abs();
    if size.fract() == 0.0 && size < u64::MAX as f64 {
        format!("{sign}{}", separated(size as u64))
    } else {
        format!("{sign}{}", measured(size))
    }
}

/// A round number at an axis: `0`, `0.5`, `20`, `1,000`.
pub fn tick(number: f64) -> String {
    let rounded = number.round();
    if !PLAIN.contains(&number) && number != 0.0 {
        measured(number)
    } else if (number - rounded).abs() < 1e-9 {
        separated(rounded as u64)
    } else {
        format!("{number:.6}").trim_end_matches('0').to_owned()
    }
}

/// A whole number with separated thousands: `12,340`.
pub fn separated(number: u64) -> String {
    let digits = number.to_string();
    let first = (digits.len() - 1) % 3 + 1;
    let groups = iter::successors(Some(first), |end| Some(end + 3)).take_while(|end| *end <= digits.len());
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    let mut start = 0;
    for end in groups {
        if start > 0 {
            text.push(',');
        }
        text.push_str(&digits[start..end]);
        start = end;
    }
    text
}

/// A ratio to something: `1.04×`, `12.3×`, `1,200×`.
pub fn ratio(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}×") } else { format!("{}×", measured(ratio)) }
}

/// A range of ratios: `1.11–1.16×`; one number when its ends read alike.
pub fn ratios([low, high]: [f64; 2]) -> String {
    let [low, high] = [low, high].map(ratio);
    if low == high { high } else { format!("{}–{high}", low.trim_end_matches('×')) }
}

/// A number of things: `1 cell`, `12,340 rounds`.
pub fn count(number: u64, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {thing}{plural}", separated(number))
}

/// A moment of a record (RFC 3339, UTC) in words: `24 November 2026, 03:58 UTC`. What is no such moment stays as it is.
pub fn date(moment: &str) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let parts = || {
        let (day, time) = moment.split_once('T')?;
        let mut numbers = day.splitn(3, '-');
        let year = numbers.next()?;
        let month: usize = numbers.next()?.parse().ok()?;
        let day: u8 = numbers.next()?.parse().ok()?;
        let month = MONTHS.get(month.checked_sub(1)?)?;
        Some(format!("{day} {month} {year}, {} UTC", time.get(..5)?))
    };
    parts().unwrap_or_else(|| moment.to_owned())
}

#[cfg(test)]
mod tests {
    use proptest::num::f64::{ANY, NORMAL, SUBNORMAL};
    use proptest::prelude::*;

    use super::*;
    use testing::strategies;

    #[test]
    fn measured_numbers_keep_three_digits() {
        let texts = [0.0423, 0.94, 9.996, 68.44, 99.96, 231.4, 2_314.0, 999_600.0].map(measured);
        assert_eq!(texts, ["0.0423", "0.940", "10.0", "68.4", "100", "231", "2,310", "1,000,000"]);
        assert_eq!(measured(f64::NAN), "0");
        // Beyond what a whole number holds, and where a power of ten is 0.
        assert_eq!([1.2345e21, 5e-324].map(measured), ["1.23e21", "4.94e-324"]);
        assert_eq!(figure(-3e25), "-3.00e25");
    }

    #[test]
    fn thousands_are_separated() {
        assert_eq!(
            [0, 999, 1_000, 12_340, 1_234_567].map(separated),
            ["0", "999", "1,000", "12,340", "1,234,567"]
        );
        assert_eq!([0.0, 0.30000000000000004, 1.5, 20_000.0].map(tick), ["0", "0.3", "1.5", "20,000"]);
        assert_eq!(count(1, "cell"), "1 cell");
        assert_eq!(count(1_200, "round"), "1,200 rounds");
    }

    #[test]
    fn a_range_that_reads_alike_is_one_number() {
        assert_eq!(ratios([1.111, 12.34]), "1.11–12.3×");
        assert_eq!(ratios([1.0, 1.001]), "1.00×");
    }

    #[test]
    fn dates_are_words() {
        assert_eq!(date("2026-11-24T03:58:12Z"), "24 November 2026, 03:58 UTC");
        assert_eq!(date("2026-13-24T03:58:12Z"), "2026-13-24T03:58:12Z");
        assert_eq!(date("yesterday"), "yesterday");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_printed(number: u64) {
            let text = separated(number);
            prop_assert_eq!(text.replace(',', "").parse(), Ok(number));
            prop_assert!(text.split(',').skip(1).all(|group| group.len() == 3), "{}", text);
        }

        #[test]
        fn a_measured_number_is_read_to_three_digits(number in NORMAL | SUBNORMAL) {
            let read = |text: &str| text.replace(',', "").parse::<f64>().expect(text);
            let text = measured(number.abs());
            prop_assert!((read(&text) / number.abs() - 1.0).abs() < 0.005_000_1, "{} for {}", text, number);
            let text = figure(number);
            prop_assert!((read(&text) / number - 1.0).abs() < 0.005_000_1, "{} for {}", text, number);
        }

        #[test]
        fn a_larger_number_reads_no_smaller(numbers in [1e-6..1e12, 1e-6..1e12]) {
            let [one, other] = numbers.map(|number| measured(number).replace(',', "").parse::<f64>().expect("a number"));
            prop_assert_eq!(one < other, one < other && numbers[0] < numbers[1], "{} and {}", one, other);
        }

        #[test]
        fn any_number_and_any_moment_have_a_form(
            number in ANY,
            moment in prop_oneof![strategies::text(), strategies::text().prop_map(|time| format!("2026-11-24T{time}"))],
        ) {
            for text in [measured(number), figure(number)] {
                prop_assert!(!text.is_empty() && !text.contains("NaN") && !text.contains("inf"), "{}", text);
            }
            date(&moment);
        }

        #[test]
        fn a_moment_of_a_record_is_in_words(month in 1..=12_u32, day in 1..=31_u32, hour in 0..24_u32, minute in 0..60_u32) {
            let words = date(&format!("2026-{month:02}-{day:02}T{hour:02}:{minute:02}:59Z"));
            prop_assert!(words.starts_with(&format!("{day} ")), "{}", words);
            prop_assert!(words.ends_with(&format!(" 2026, {hour:02}:{minute:02} UTC")), "{}", words);
        }
    }
}
