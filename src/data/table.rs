//! A table, read from CSV as a stream.
//!
//! In: bytes. Out: a [`Table`]: all names of the header, the cells of the columns that are wanted, and each row's line.
//! Invariant: a line is counted where its record begins, past blank lines and line ends within quotes. Absent on
//! purpose: a `String` for each cell. A column is one text, and the ends of its cells in it.

use std::collections::BTreeSet;
use std::io::{self, Chain, Cursor, Read};

use csv::{ByteRecord, Reader, ReaderBuilder, Terminator};

use super::{LONGEST_RECORD, Misread, Place, Problem};

/// A byte-order mark: some spreadsheets begin a text with it.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// What is read behind the file: a line of its own, unless a quote is still open. It also ends a last line without end.
const END: &[u8] = b"\n\x04\n";

/// The columns of a file.
#[derive(Debug)]
pub struct Table {
    /// The file's path as the model names it.
    pub path: String,
    header: Vec<String>,
    header_line: u32,
    /// A column for each name; `None` is not kept.
    columns: Vec<Option<Column>>,
    /// The line on which each row begins.
    lines: Vec<u32>,
}

/// The cells of one column, one behind the other.
#[derive(Debug, Default)]
struct Column {
    text: String,
    ends: Vec<u32>,
}

impl Column {
    /// Adds a cell; `None` where the column grows too large.
    fn push(&mut self, cell: &str) -> Option<()> {
        self.text.push_str(cell);
        self.ends.push(u32::try_from(self.text.len()).ok()?);
        Some(())
    }

    fn cell(&self, row: usize) -> Option<&str> {
        let start = row.checked_sub(1).map_or(Some(&0), |before| self.ends.get(before))?;
        self.text.get(*start as usize..*self.ends.get(row)? as usize)
    }
}

impl Table {
    /// All names of the header, trimmed, in the order of the file; also those of columns that are not kept.
    pub fn header(&self) -> &[String] {
        &self.header
    }

    /// How many rows there are below the header.
    pub fn rows(&self) -> usize {
        self.lines.len()
    }

    /// The column of this name, whatever unit its header gives.
    pub fn find(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|header| named(header).0 == name)
    }

    /// A cell, trimmed; empty where the column is not kept.
    pub fn cell(&self, row: usize, column: usize) -> &str {
        self.columns.get(column).and_then(Option::as_ref).and_then(|c| c.cell(row)).unwrap_or_default()
    }

    /// Where a cell, a row or a name of the header stands; no row is the header.
    pub fn place(&self, row: Option<usize>, column: Option<usize>) -> Place {
        let line = row.and_then(|r| self.lines.get(r)).unwrap_or(&self.header_line);
        Place { line: u64::from(*line), field: column }
    }
}

/// A column's name and the unit that its header may give between brackets: `price` and `USD` of `price [USD]`.
pub fn named(header: &str) -> (&str, Option<&str>) {
    match header.split_once('[').and_then(|(name, unit)| Some((name, unit.trim().strip_suffix(']')?))) {
        Some((name, unit)) => (name.trim(), Some(unit.trim())),
        None => (header, None),
    }
}

/// Reads a table to its end. `wanted` names the columns to keep, and the first is always one of them; `None` keeps all.
pub fn read(path: &str, input: &mut dyn Read, wanted: Option<&BTreeSet<String>>) -> Result<Table, Misread> {
    let mut records = Records::new(input)?;
    if !records.advance()? {
        return Err(Misread { place: Place { line: 1, field: None }, problem: Problem::Empty });
    }
    let header = names(&records)?;
    let header_line = records.line()?;
    let mut columns: Vec<Option<Column>> = header
        .iter()
        .enumerate()
        .map(|(i, name)| (i == 0 || wanted.is_none_or(|w| w.contains(named(name).0))).then(Column::default))
        .collect();
    let mut lines = Vec::new();
    while records.advance()? {
        let (wanted, found) = (header.len(), records.record.len());
        if wanted != found {
            let field = (found > wanted).then_some(wanted);
            return Err(records.misread(field, Problem::Ragged { wanted, found }));
        }
        for (i, column) in columns.iter_mut().enumerate() {
            let Some(column) = column else { continue };
            column.push(records.field(i)).ok_or_else(|| records.misread(Some(i), Problem::TooLarge))?;
        }
        lines.push(records.line()?);
    }
    if lines.is_empty() {
        let place = Place { line: u64::from(header_line), field: None };
        return Err(Misread { place, problem: Problem::NoRows });
    }
    Ok(Table { path: path.into(), header, header_line, columns, lines })
}

/// The names of a header.
fn names(records: &Records) -> Result<Vec<String>, Misread> {
    let names: Vec<String> = (0..records.record.len()).map(|i| records.field(i).to_string()).collect();
    if let [only] = names.as_slice()
        && !only.contains(',')
        && let Some(separator) = only.chars().find(|c| matches!(c, ';' | '\t'))
    {
        return Err(records.misread(None, Problem::Separator(separator)));
    }
    let mut seen = BTreeSet::new();
    for (i, name) in names.iter().enumerate() {
        // The corner of a matrix means nothing, and is often left empty.
        if name.is_empty() && i > 0 {
            return Err(records.misread(Some(i), Problem::UnnamedColumn));
        }
        if !seen.insert(name) {
            return Err(records.misread(Some(i), Problem::DoubledColumn(name.clone())));
        }
    }
    Ok(names)
}

/// The records of a file that are not blank, one at a time.
struct Records<'a> {
    reader: Reader<Guard<'a>>,
    record: ByteRecord,
    /// Where `record` begins.
    line: u64,
}

impl<'a> Records<'a> {
    fn new(mut input: &'a mut dyn Read) -> Result<Self, Misread> {
        // csv looks for the mark, too, but only within one read.
        let mut start = Vec::new();
        if let Err(error) = (&mut input).take(MARK.len() as u64).read_to_end(&mut start) {
            let place = Place { line: 1, field: None };
            return Err(Misread { place, problem: Problem::Unreadable(error.to_string()) });
        }
        if start == MARK {
            start.clear();
        }
        let guard = Guard { input: Cursor::new(start).chain(input).chain(END), length: 0 };
        // With `\n` as the only end of a line, csv has counted a record's last line when it hands it over, which it has
        // not where it waits for what comes behind a `\r`. A `\r` is trimmed away with the blanks.
        let reader = ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(Terminator::Any(b'\n'))
            .buffer_capacity(1 << 16)
            .from_reader(guard);
        Ok(Self { reader, record: ByteRecord::new(), line: 1 })
    }

    /// Reads the next record; `false` at the end of the file.
    fn advance(&mut self) -> Result<bool, Misread> {
        loop {
            self.line = self.reader.position().line();
            self.reader.get_mut().length = 0;
            match self.reader.read_byte_record(&mut self.record) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(_) if self.reader.get_ref().length > LONGEST_RECORD => {
                    return Err(self.misread(None, Problem::LongRecord));
                }
                Err(error) => return Err(self.misread(None, Problem::Unreadable(error.to_string()))),
            }
            let bytes = self.record.as_slice();
            let within = bytes.iter().filter(|b| **b == b'\n').count() as u64;
            let last = self.record.len().saturating_sub(1);
            if self.record.get(last).is_some_and(|field| field.ends_with(END)) {
                self.line = self.reader.position().line() - within;
                return Err(self.misread(Some(last), Problem::OpenQuote));
            }
            self.line = self.reader.position().line() - within - 1;
            if last == 0 && (bytes.trim_ascii().is_empty() || bytes == END.trim_ascii()) {
                continue;
            }
            // Field by field, because two halves of a letter are none where a comma parts them.
            if !bytes.is_ascii()
                && let Some(bad) = self.record.iter().position(|field| str::from_utf8(field).is_err())
            {
                return Err(self.misread(Some(bad), Problem::NotUtf8));
            }
            return Ok(true);
        }
    }

    /// A field of this record, trimmed.
    fn field(&self, field: usize) -> &str {
        self.record.get(field).and_then(|f| str::from_utf8(f).ok()).unwrap_or_default().trim()
    }

    /// The line of this record, as a table keeps it.
    fn line(&self) -> Result<u32, Misread> {
        u32::try_from(self.line).map_err(|_| self.misread(None, Problem::TooLarge))
    }

    fn misread(&self, field: Option<usize>, problem: Problem) -> Misread {
        Misread { place: Place { line: self.line, field }, problem }
    }
}

/// The file's first bytes, all others, and what is read behind them.
type Whole<'a> = Chain<Chain<Cursor<Vec<u8>>, &'a mut dyn Read>, &'static [u8]>;

/// Stops where one record would fill the memory.
struct Guard<'a> {
    input: Whole<'a>,
    /// How much was read since the last record was complete.
    length: usize,
}

impl Read for Guard<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.length > LONGEST_RECORD {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        let read = self.input.read(buffer)?;
        // csv skips blank lines on its way to a record, and those may be many.
        if buffer.iter().take(read).any(|b| *b != b'\n') {
            self.length += read;
        }
        Ok(read)
    }
}
