//! `flowc explain`: what a code means.

use std::io;

use super::{Exit, print};
use crate::diag::{Code, did_you_mean};

/// Explain a code, or list all of them
#[derive(clap::Args, Debug)]
pub(super) struct Args {
    /// A code, such as E0301
    code: Option<String>,
}

pub(super) fn explain(args: &Args) -> io::Result<Exit> {
    let Some(name) = &args.code else {
        let list: String = Code::ALL.iter().map(|c| format!("{c}  {}\n", c.title())).collect();
        print(&list)?;
        return Ok(Exit::Fine);
    };
    match Code::parse(name) {
        Some(code) => {
            print(&format!("{code}: {}\n\n{}", code.title(), code.page()))?;
            Ok(Exit::Fine)
        }
        None => {
            let meant = did_you_mean(&name.to_uppercase(), Code::ALL.iter().map(|c| c.name()));
            let hint = meant.map_or("`flowc explain` lists them".into(), |m| format!("did you mean {m}?"));
            Err(io::Error::other(format!("there is no code `{name}`; {hint}")))
        }
    }
}
