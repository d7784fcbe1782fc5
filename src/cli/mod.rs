//! The command line.
//!
//! In: arguments, files, standard streams. Out: the same, and an exit code: 0 fine, 1 the model or a run is wrong, 2 the
//! call is wrong. The only place that knows of files, the environment and terminals. A closed pipe is no error.

#![allow(clippy::disallowed_methods)]

mod assumptions;
mod check;
mod experiment;
mod explain;
mod fmt;
mod fs;
mod generate;
mod new;
mod render;
mod run;
mod test;

pub use check::proved;
pub use render::plain;

use std::io::{self, IsTerminal, Write};
use std::process::ExitCode;

use clap::{ArgAction, Parser, Subcommand, ValueEnum};

/// A compiler for .flow, a declarative language for value flows.
#[derive(Parser, Debug)]
#[command(name = "flowc", version, max_term_width = 100, arg_required_else_help = true)]
pub struct Cli {
    /// When to colour messages.
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN", help_heading = "Messages")]
    color: When,
    /// How to print messages: for people, or as JSON, one a line.
    #[arg(long, global = true, value_enum, default_value_t = Format::Human, value_name = "FORMAT", help_heading = "Messages")]
    message_format: Format,
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand, Debug)]
enum Command {
    Check(check::Args),
    Run(Box<run::Args>),
    Test(test::Args),
    Assumptions(assumptions::Args),
    Fmt(fmt::Args),
    Explain(explain::Args),
    New(new::Args),
    Man(generate::ManArgs),
    Completions(generate::CompletionArgs),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum When {
    /// On a terminal, unless NO_COLOR is set.
    Auto,
    Always,
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    Human,
    Json,
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Exit {
    Fine,
    ModelIsWrong,
    CallIsWrong,
}

/// Where messages go and how they look.
struct Terminal {
    color: bool,
    format: Format,
}

/// Runs the command of the process's arguments.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version go to standard output and are no mistake.
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let color = match cli.color {
        When::Always => true,
        When::Never => false,
        When::Auto => io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|v| v.is_empty()),
    };
    let terminal = Terminal { color, format: cli.message_format };
    let result = match cli.command {
        Command::Check(args) => check::check(&args, &terminal),
        Command::Run(args) => run::run(&args, &terminal),
        Command::Test(args) => test::test(&args, &terminal),
        Command::Assumptions(args) => assumptions::assumptions(&args, &terminal),
        Command::Fmt(args) => fmt::fmt(&args, &terminal),
        Command::Explain(args) => explain::explain(&args),
        Command::New(args) => new::new(&args),
        Command::Man(args) => generate::man(&args),
        Command::Completions(args) => generate::completions(&args),
    };
    let exit = match result {
        Ok(exit) => exit,
        // `flowc … | head` is no mistake.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Exit::Fine,
        Err(error) => {
            let _ = writeln!(io::stderr(), "flowc: {error}");
            Exit::CallIsWrong
        }
    };
    ExitCode::from(match exit {
        Exit::Fine => 0,
        Exit::ModelIsWrong => 1,
        Exit::CallIsWrong => 2,
    })
}

/// Prints to standard output.
fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Settings that `check`, `run` and `test` share.
#[derive(clap::Args, Debug, Default)]
struct SettingArgs {
    /// Set a param, a policy's option or a stock's opening; the value may have a unit: --set "fee=1%"
    #[arg(long = "set", value_name = "NAME=VALUE", action = ArgAction::Append, value_parser = setting)]
    set: Vec<(String, String)>,
    /// Set what this scenario of the model sets; --set wins over it
    #[arg(long, value_name = "NAME")]
    scenario: Option<String>,
    /// Start the clock here: --from "1 year"
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    from: Option<String>,
    /// End it here
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    to: Option<String>,
    /// The length of a step
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    step: Option<String>,
}

impl SettingArgs {
    fn settings(&self) -> crate::Settings {
        crate::Settings {
            values: self.set.clone(),
            scenario: self.scenario.clone(),
            substeps: false,
            from: self.from.clone(),
            to: self.to.clone(),
            step: self.step.clone(),
            members: false,
            only: Vec::new(),
            experiment: None,
        }
    }
}

fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.trim().is_empty() && !value.trim().is_empty() => {
            Ok((name.trim().to_string(), value.trim().to_string()))
        }
        _ => Err("write it as NAME=VALUE, for example fee=1%".into()),
    }
}
