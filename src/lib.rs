//! flowc compiles `.flow`, a declarative language for value flows: stocks, flows, transfers, and what drives them.
//!
//! ```text
//! &str -lex-> Tokens -parse-> ast -resolve-> hir -check-> (hir, Facts) -lower-> ir -compile-> Program -run-> Outcome
//!                                                                                                   -output-> Results
//! ```
//!
//! Units and the ledger are proved before anything runs; a run is a function of the model and its settings alone.
//! [`session::check`] takes a text to a [`Checked`] model, [`Checked::run`] to [`Results`]:
//!
//! ```
//! use flowc::{MemLoader, Settings, check};
//!
//! let model = "time month from 0 to 12
//!              unit TKN
//!              stock fund: TKN = 120
//!              stock team: TKN = 0
//!              flow pay: fund -> team = 10 TKN/month";
//! let checked = check("pay.flow", model.as_bytes(), &MemLoader::default(), &Settings::default());
//! let results = checked.run().expect("the model has no errors");
//! assert_eq!(results.stocks[1].values[1], 120.0);
//! ```

#![deny(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::iter_over_hash_type,
    clippy::disallowed_methods
)]

pub mod builtins;
pub mod check;
pub mod cli;
pub mod data;
pub mod diag;
pub mod exec;
pub mod hir;
pub mod ir;
pub mod output;
pub mod session;
pub mod source;
pub mod study;
pub mod syntax;
pub mod units;

pub use diag::{Code, Diagnostic};
pub use output::Results;
pub use session::{Checked, Settings, check};
pub use source::{Loader, MemLoader};
