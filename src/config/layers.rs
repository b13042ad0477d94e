//! Puts the layers together and says where each value came from.

use std::path::{Path, PathBuf};

use figment::providers::{Format, Serialized, Toml};
use figment::value::{Dict, Map, Value};
use figment::{Figment, Metadata, Profile, Provider};

use tensortrade_market::decimal::survives_as_double;

use super::{Config, environment, keys};
use crate::cli::args::ConfigSources;
use crate::exit::{Code, Failure};

/// A configuration with its history.
#[derive(Debug)]
pub struct Loaded {
    /// The values.
    pub config: Config,
    /// The layers they came from, for messages.
    pub figment: Figment,
    /// The sources as given, for a later reload.
    pub sources: ConfigSources,
    /// The values of the command's own flags, for a later reload.
    pub flags: Vec<(&'static str, Value)>,
}

/// Values given on the command line or in the environment, under the name of where they come from.
struct Given {
    dict: Dict,
    name: String,
}

impl Given {
    fn new(name: impl Into<String>, dict: Dict) -> Self {
        Self { dict, name: name.into() }
    }
}

impl Provider for Given {
    fn metadata(&self) -> Metadata {
        Metadata::named(self.name.clone())
    }
    fn data(&self) -> Result<Map<Profile, Dict>, figment::Error> {
        Ok(Map::from([(Profile::Default, self.dict.clone())]))
    }
}

/// Reads every layer; `flags` are the values of the command's own flags, as `(dotted key, value)`.
pub fn load(sources: &ConfigSources, flags: &[(&'static str, Value)]) -> Result<Loaded, Failure> {
    let mut figment = Figment::from(Serialized::defaults(Config::default()));
    for file in &sources.config {
        figment = figment.merge(toml_file(file, "--config")?);
    }
    if let Some(profile) = &sources.profile {
        figment = figment.merge(toml_file(&profile_path(profile)?, "--profile")?);
    }
    let (settings, warnings) = environment::settings(std::env::vars_os())?;
    for setting in settings {
        let mut one = Dict::new();
        insert(&mut one, &setting.key, setting.value);
        figment = figment.merge(Given::new(format!("environment variable {}", setting.variable), one));
    }
    let mut set = Dict::new();
    for assignment in &sources.set {
        let (key, value) = parse_assignment(assignment)?;
        insert(&mut set, &key, value);
    }
    figment = figment.merge(Given::new("--set", set));
    let mut from_flags = Dict::new();
    for (key, value) in flags {
        insert(&mut from_flags, key, value.clone());
    }
    if let Some(dir) = &sources.data_dir {
        insert(&mut from_flags, "node.data_dir", Value::from(dir.display().to_string()));
    }
    figment = figment.merge(Given::new("a command-line flag", from_flags));
    let config: Config =
        figment.extract().map_err(|error| Failure::new(Code::BadInput, describe(error, &figment)))?;
    super::validate::validate(&config).map_err(|problems| {
        let lines: Vec<String> = problems
            .into_iter()
            .map(|(key, text)| format!("configuration: {key} {text} (from {})", source_of(&figment, &key)))
            .collect();
        Failure::new(Code::BadInput, lines.join("\n"))
    })?;
    // Only once nothing else is wrong: what is refused stands alone.
    warnings.iter().for_each(|warning| tell!("warning: {warning}"));
    Ok(Loaded { config, figment, sources: sources.clone(), flags: flags.to_vec() })
}

fn toml_file(path: &Path, flag: &str) -> Result<impl Provider, Failure> {
    // figment reads a missing file as an empty one, which would hide a misspelt name.
    match std::fs::metadata(path) {
        Ok(meta) if meta.is_file() => {
            well_formed(path, flag)?;
            Ok(Toml::file_exact(path))
        }
        Ok(_) => Err(Failure::new(Code::BadInput, format_args!("{flag} {}: not a file", path.display()))),
        Err(e) => Err(Failure::new(Code::BadInput, format_args!("{flag} {}: {e}", path.display()))),
    }
}

/// Refuses text that is no TOML with its place; figment would name neither line nor file.
fn well_formed(path: &Path, flag: &str) -> Result<(), Failure> {
    let refuse =
        |what: String| Failure::new(Code::BadInput, format_args!("{flag} {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|e| refuse(format!("cannot be read as text: {e}")))?;
    let (at, reason) = match toml::de::DeTable::parse(&text) {
        Ok(table) => match long_decimal("", table.get_ref()) {
            None => return Ok(()),
            Some((at, number)) => {
                let (line, column) = place(&text, at);
                return Err(refuse(format!(
                    "line {line}, column {column}: {number} has more digits than a bare number keeps; put it in quotes"
                )));
            }
        },
        Err(error) => (error.span().map_or(0, |span| span.start), error.message().trim().replace('\n', "; ")),
    };
    let (line, column) = place(&text, at);
    Err(refuse(format!("line {line}, column {column}: {reason}: this is no TOML; mend the file there")))
}

/// Line and column of a byte, counted from one.
fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (before.matches('\n').count() + 1, column)
}

/// The first bare decimal of which a double does not keep every digit, though every digit counts, and where it stands: nobody
/// could tell afterwards.
fn long_decimal(path: &str, table: &toml::de::DeTable<'_>) -> Option<(usize, String)> {
    table.iter().find_map(|(name, value)| {
        let name = name.get_ref();
        let key = if path.is_empty() { name.to_string() } else { format!("{path}.{name}") };
        long_decimal_in(&key, value.span().start, value.get_ref())
    })
}

fn long_decimal_in(key: &str, at: usize, value: &toml::de::DeValue<'_>) -> Option<(usize, String)> {
    use toml::de::DeValue;
    match value {
        DeValue::Float(number) if !survives_as_double(number.as_str()) && keys::is_exact(key) => {
            Some((at, number.as_str().to_owned()))
        }
        DeValue::Table(table) => long_decimal(key, table),
        _ => None,
    }
}

fn profile_path(name: &str) -> Result<PathBuf, Failure> {
    let plain = !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_');
    let path = Path::new("config").join(format!("{name}.toml"));
    if plain && path.is_file() {
        return Ok(path);
    }
    let mut known: Vec<String> = std::fs::read_dir("config")
        .into_iter()
        .flatten()
        .flatten()
        .filter_map(|entry| Some(entry.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    known.sort();
    let known = if known.is_empty() {
        "there is no config folder here".into()
    } else {
        format!("there is {}", known.join(", "))
    };
    Err(Failure::new(Code::BadInput, format_args!("--profile {name}: no file config/{name}.toml; {known}")))
}

/// `key=value`, where the value is TOML if it reads as such, else text. No key takes a TOML date: one is text, and so is a
/// decimal of more digits than a double keeps where every digit counts.
fn parse_assignment(text: &str) -> Result<(String, Value), Failure> {
    let Some((key, value)) = text.split_once('=') else {
        return Err(Failure::new(
            Code::Usage,
            format_args!("--set {text}: expected KEY=VALUE, such as risk.order_notional_max=50000"),
        ));
    };
    let key = key.trim();
    if key.is_empty() || key.split('.').any(str::is_empty) {
        return Err(Failure::new(
            Code::Usage,
            format_args!("--set {text}: '{key}' is no key; keys look like section.name"),
        ));
    }
    let toml = format!("v = {value}");
    let bare = value.trim();
    let is_long = bare.parse::<f64>().is_ok() && bare.contains('.') && !survives_as_double(bare);
    let is_date =
        toml::from_str::<toml::Table>(&toml).is_ok_and(|t| t.get("v").is_some_and(|v| v.is_datetime()));
    let parsed: Value = (!(is_date || is_long && keys::is_exact(key)))
        .then(|| toml::from_str::<Dict>(&toml).ok())
        .flatten()
        .and_then(|mut d| d.remove("v"))
        .unwrap_or_else(|| Value::from(value.trim().to_owned()));
    Ok((key.to_owned(), parsed))
}

fn insert(dict: &mut Dict, key: &str, value: Value) {
    match key.split_once('.') {
        None => {
            dict.insert(key.to_owned(), value);
        }
        Some((head, rest)) => {
            let entry = dict.entry(head.to_owned()).or_insert_with(|| Value::from(Dict::new()));
            if !matches!(entry, Value::Dict(..)) {
                *entry = Value::from(Dict::new());
            }
            if let Value::Dict(_, inner) = entry {
                insert(inner, rest, value);
            }
        }
    }
}

/// Every problem figment found, each with key, value, and source.
fn describe(error: figment::Error, figment: &Figment) -> String {
    use figment::error::Kind;
    let lines: Vec<String> = error
        .into_iter()
        .map(|e| {
            let mut path = e.path.join(".");
            let what = match &e.kind {
                Kind::UnknownField(field, known) => {
                    let prefix = if path.is_empty() || path.ends_with(field) {
                        path.clone()
                    } else {
                        format!("{path}.{field}")
                    };
                    path = if prefix.is_empty() { field.clone() } else { prefix };
                    format!("is no known key; known here are {}", known.join(", "))
                }
                Kind::InvalidType(actual, expected) => format!("is {actual}, but must be {expected}"),
                Kind::InvalidValue(actual, expected) => format!("is {actual}, but must be {expected}"),
                other => other.to_string(),
            };
            let source = e.metadata.as_ref().map_or_else(|| source_of(figment, &path), source_name);
            format!("configuration: {path} {what} (from {source})")
        })
        .collect();
    lines.join("\n")
}

fn source_name(metadata: &Metadata) -> String {
    match &metadata.source {
        Some(figment::Source::File(path)) => path.display().to_string(),
        _ => metadata.name.to_string(),
    }
}

/// Where the value under a dotted key came from.
fn source_of(figment: &Figment, key: &str) -> String {
    figment.find_metadata(key).map_or_else(
        || "the defaults".to_owned(),
        |m| {
            if m.name.contains("Config") { "the defaults".to_owned() } else { source_name(m) }
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(set: &[&str]) -> Result<Loaded, Failure> {
        load(&ConfigSources { set: set.iter().map(|s| (*s).to_owned()).collect(), ..Default::default() }, &[])
    }

    #[test]
    fn the_defaults_are_valid() {
        with(&[]).unwrap();
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_name_and_source() {
        let message = with(&["risk.no_such_key=1"]).unwrap_err().message;
        assert!(message.contains("risk.no_such_key") && message.contains("--set"), "{message}");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_refused_with_key_value_and_source() {
        let message = with(&["runtime.worker_threads=many"]).unwrap_err().message;
        assert!(
            message.contains("runtime.worker_threads")
                && message.contains("many")
                && message.contains("--set"),
            "{message}"
        );
    }

    #[test]
    fn a_value_out_of_range_is_refused_with_key_value_range_and_source() {
        let message = with(&["runtime.worker_threads=100000"]).unwrap_err().message;
        for part in ["runtime.worker_threads", "100000", "--set"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn amounts_may_be_bare_or_quoted_and_stay_exact() {
        for text in ["50000", "\"50000\"", "50000.0", "5e4"] {
            let loaded = with(&[&format!("risk.order_notional_max={text}")]).unwrap();
            assert_eq!(loaded.config.risk.order_notional_max.to_string(), "50000", "{text}");
        }
        let loaded = with(&["risk.equity_min=0.1", "fx.rates.HKD=0.128000001"]).unwrap();
        assert_eq!(loaded.config.risk.equity_min.micros(), 100_000);
        assert_eq!(loaded.config.fx.rates.values().next().unwrap().raw(), 128_000_001);
        let long = with(&["risk.equity_min=1234567890123.123456"]).unwrap();
        assert_eq!(long.config.risk.equity_min.to_string(), "1234567890123.123456");
        let share = with(&["breaker.losses.drawdown_reduce=0.0012310852945110473"]).unwrap();
        assert_eq!(share.config.breaker.losses.drawdown_reduce, Some(0.001_231_085_294_511_047_3));
        let message = with(&["risk.order_notional_max=plenty"]).unwrap_err().message;
        for part in ["risk.order_notional_max", "plenty", "--set"] {
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn amounts_in_a_file_may_be_bare_and_none_loses_digits_silently() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.toml");
        let load_text = |text: &str| {
            std::fs::write(&file, text).unwrap();
            load(&ConfigSources { config: vec![file.clone()], ..Default::default() }, &[])
        };
        let loaded = load_text("[risk]\norder_notional_max = 50000\nequity_min = 0.1\n").unwrap();
        assert_eq!(loaded.config.risk.order_notional_max.to_string(), "50000");
        assert_eq!(loaded.config.risk.equity_min.micros(), 100_000);
        load_text("[risk]\ngross_exposure_max = 0.12345678901234567\n").unwrap();
        let error = load_text("[instruments.ABC]\ntick_size = 9000000000.000000001\n").unwrap_err();
        for part in ["line 2, column 13", "9000000000.000000001", "quotes"] {
            assert!(error.message.contains(part), "{}", error.message);
        }
    }

    #[test]
    fn a_missing_file_is_an_error_and_not_an_empty_configuration() {
        let sources = ConfigSources { config: vec!["no/such/file.toml".into()], ..Default::default() };
        assert_eq!(load(&sources, &[]).unwrap_err().code, Code::BadInput);
    }

    #[test]
    fn a_file_that_is_no_toml_is_named_with_line_column_and_reason() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("broken.toml");
        for (text, place) in [
            ("[feed]\nseed = 5\nspeed = = 3\n", "line 3, column 9"),
            ("[feed\n", "line 1"),
            ("[node]\nid = \"a\"\nid = \"b\"\n", "line 3, column 1"),
        ] {
            std::fs::write(&file, text).unwrap();
            let sources = ConfigSources { config: vec![file.clone()], ..Default::default() };
            let error = load(&sources, &[]).unwrap_err();
            assert_eq!(error.code, Code::BadInput);
            for part in ["--config", "broken.toml", place] {
                assert!(error.message.contains(part), "{part} is missing in: {}", error.message);
            }
            assert!(!error.message.contains("configuration:  "), "an empty key: {}", error.message);
        }
    }

    #[test]
    fn a_date_needs_no_quotes() {
        for text in
            ["feed.sim_start=2021-03-04", "feed.sim_start = 2021-03-04", "feed.sim_start=\"2021-03-04\""]
        {
            assert_eq!(with(&[text]).unwrap().config.feed.sim_start, "2021-03-04");
        }
        let message = with(&["feed.sim_start=1999-01-01"]).unwrap_err().message;
        assert!(message.contains("1999-01-01") && message.contains("2020-01-01"), "{message}");
    }

    #[test]
    fn later_layers_win() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("a.toml");
        std::fs::write(&file, "[feed]\nseed = 5\n[node]\nid = \"a\"\n").unwrap();
        let sources =
            ConfigSources { config: vec![file], set: vec!["feed.seed=6".into()], ..Default::default() };
        let loaded = load(
            &sources,
            &[("feed.source", Value::from("replay")), ("feed.files", Value::from(vec!["a.csv".to_owned()]))],
        )
        .unwrap();
        assert_eq!((loaded.config.feed.seed, loaded.config.node.id.as_str()), (6, "a"));
        assert_eq!(loaded.config.feed.source, super::super::FeedSource::Replay);
    }
}
