//! The command line; everything is in [`flowc::cli`].

fn main() -> std::process::ExitCode {
    flowc::cli::main()
}
