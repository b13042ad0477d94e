//! `tensortrade config`: check or show the configuration.

use super::args::{ConfigArgs, ConfigCommand};
use crate::config;
use crate::exit::{Code, Failure, OrFail};

/// Reads every layer; says that it is fine, or prints it.
pub fn run(args: ConfigArgs) -> Result<(), Failure> {
    match args.command {
        ConfigCommand::Check { sources } => {
            config::load(&sources, &[])?;
            tell!("configuration ok");
            Ok(())
        }
        ConfigCommand::Show { sources, json } => {
            let loaded = config::load(&sources, &[])?;
            let text = if json {
                serde_json::to_string_pretty(&loaded.config)
                    .or_fail(Code::Failure, || "cannot print the configuration".into())?
            } else {
                toml::to_string_pretty(&loaded.config)
                    .or_fail(Code::Failure, || "cannot print the configuration".into())?
            };
            say!("{}", text.trim_end());
            Ok(())
        }
    }
}
