//! `rep config`.

use std::process::ExitCode;

use crate::cli::ConfigCommand;

pub(crate) fn run(command: ConfigCommand) -> anyhow::Result<ExitCode> {
    match command {
        ConfigCommand::Show(args) => {
            let settings = args.options.resolve(args.config.as_deref())?;
            print!("{}", toml::to_string(&settings)?);
        }
        ConfigCommand::Check(args) => {
            args.options.resolve(args.config.as_deref())?.places().check()?;
            println!("the configuration is valid");
        }
    }
    Ok(ExitCode::SUCCESS)
}
