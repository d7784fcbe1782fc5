//! Data files: tables of comma-separated values, and the numbers in them.
//!
//! In: the bytes of a CSV file, as they come, and the names of the columns that a model wants. Out: a [`Table`] of texts
//! that holds those columns and no more; a [`Decimal`] of such a text; and, for diagnostics, an [`Excerpt`] of the file
//! around a [`Place`].
//! Invariant: memory is in proportion to what is kept, whatever the file's length. Absent on purpose: opening files (see
//! [`crate::source::Loader`]), what a column means, and guessing: of the separator, of dates, of decimal commas.

mod decimal;
mod excerpt;
mod table;

pub use decimal::Decimal;
pub use excerpt::{Excerpt, excerpt};
pub use table::{Table, named, read};

/// The longest record of a table, in bytes. Past it, a quote was opened and forgotten, or the file is no table.
pub const LONGEST_RECORD: usize = 1 << 20;

/// Where something stands in a table's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line on which its record begins, from 1.
    pub line: u64,
    /// Which field of the record it is, from 0; `None` is the record.
    pub field: Option<usize>,
}

/// What keeps a file from being a table, and where that is seen first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// Where it is.
    pub place: Place,
    /// What it is.
    pub problem: Problem,
}

/// What keeps a file from being a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    /// The system cannot read on, for the reason given.
    Unreadable(String),
    /// A field is not text in UTF-8.
    NotUtf8,
    /// The file has no header.
    Empty,
    /// The file has a header and nothing else.
    NoRows,
    /// The header knows no comma, and this other separator instead.
    Separator(char),
    /// A row has fewer or more fields than the header.
    Ragged {
        /// The fields of the header.
        wanted: usize,
        /// The fields of the row.
        found: usize,
    },
    /// Two columns have this name.
    DoubledColumn(String),
    /// A column has no name.
    UnnamedColumn,
    /// A quote is opened, and the file ends before it is closed.
    OpenQuote,
    /// A record has more bytes than [`LONGEST_RECORD`].
    LongRecord,
    /// A column comes to more than 4 GiB, or the file to more than 4 billion lines.
    TooLarge,
}
