//! Where prices of currency pairs and coins begin: about what they were worth at the end of 2024.

/// US dollars for a unit of a currency or coin.
const DOLLARS: [(&str, f64); 37] = [
    ("USD", 1.0),
    ("USDT", 1.0),
    ("USDC", 1.0),
    ("BUSD", 1.0),
    ("FDUSD", 1.0),
    ("EUR", 1.04),
    ("GBP", 1.25),
    ("JPY", 0.0064),
    ("CHF", 1.1),
    ("AUD", 0.62),
    ("CAD", 0.7),
    ("NZD", 0.56),
    ("SEK", 0.09),
    ("NOK", 0.088),
    ("DKK", 0.14),
    ("HKD", 0.128),
    ("SGD", 0.73),
    ("CNH", 0.136),
    ("MXN", 0.048),
    ("ZAR", 0.053),
    ("TRY", 0.028),
    ("PLN", 0.24),
    ("CZK", 0.041),
    ("HUF", 0.0025),
    ("ILS", 0.27),
    ("KRW", 0.000_68),
    ("INR", 0.0117),
    ("RUB", 0.0092),
    ("BTC", 94_000.0),
    ("XBT", 94_000.0),
    ("ETH", 3_350.0),
    ("BNB", 700.0),
    ("SOL", 190.0),
    ("BCH", 430.0),
    ("LTC", 103.0),
    ("AVAX", 36.0),
    ("LINK", 20.0),
];

/// Of a coin that is not listed: none is so cheap that a cent is much of it.
const OTHER_COIN: f64 = 10.0;

/// US dollars for a unit; of what is not known, as a coin.
#[must_use]
pub fn dollars(code: &str) -> f64 {
    DOLLARS.iter().find(|(known, _)| *known == code).map_or(OTHER_COIN, |(_, dollars)| *dollars)
}

/// Price of a pair, by its name and its quote currency.
pub(super) fn pair(name: &str, quote: &str) -> f64 {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).collect();
    dollars(letters.strip_suffix(quote).unwrap_or(&letters)) / dollars(quote)
}

/// Currencies that have a rate into US dollars here, where neither a pair nor the configuration gives one.
pub fn currencies() -> impl Iterator<Item = (&'static str, f64)> {
    DOLLARS.into_iter().filter(|(code, _)| *code != "USD")
}
