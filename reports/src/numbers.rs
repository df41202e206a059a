//! Numbers and dates as the page and the terminal print them.

use std::iter;

/// Digits of a measured number that are worth reading.
const SIGNIFICANT: i32 = 3;

/// A measured number with three significant digits and separated thousands: `0.94`, `68.4`, `2,310`.
pub fn measured(number: f64) -> String {
    if !number.is_finite() || number <= 0.0 {
        return "0".to_owned();
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

/// A number of any sign and unit that a workload reports: whole ones in full, others with three significant digits.
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
    if (number - rounded).abs() < 1e-9 {
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
    use super::*;

    #[test]
    fn measured_numbers_keep_three_digits() {
        let texts = [0.0423, 0.94, 9.996, 68.44, 99.96, 231.4, 2_314.0, 999_600.0].map(measured);
        assert_eq!(texts, ["0.0423", "0.940", "10.0", "68.4", "100", "231", "2,310", "1,000,000"]);
        assert_eq!(measured(f64::NAN), "0");
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
}
