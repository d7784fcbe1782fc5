//! Completions for shells, and man pages.

use std::io;
use std::path::PathBuf;

use clap::CommandFactory;

use super::{Cli, Exit, fs, print};

/// Print completions for a shell
#[derive(clap::Args, Debug)]
pub(super) struct CompletionArgs {
    /// The shell
    shell: clap_complete::Shell,
}

pub(super) fn completions(args: &CompletionArgs) -> io::Result<Exit> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "flowc", &mut text);
    print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Fine)
}

/// Write the man pages of flowc and its commands into a folder
#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    /// The folder
    folder: PathBuf,
}

pub(super) fn man(args: &ManArgs) -> io::Result<Exit> {
    fs::folder(&args.folder)?;
    let mut command = Cli::command();
    command.build();
    let commands = std::iter::once(command.clone()).chain(command.get_subcommands().cloned().map(|c| {
        let name = format!("flowc-{}", c.get_name());
        c.name(name.clone()).display_name(name)
    }));
    for command in commands {
        let mut text = Vec::new();
        clap_mangen::Man::new(command.clone()).render(&mut text)?;
        fs::write(&args.folder.join(format!("{}.1", command.get_name())), &String::from_utf8_lossy(&text))?;
    }
    Ok(Exit::Fine)
}
