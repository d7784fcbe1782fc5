//! Source text: where every span points.
//!
//! In: named texts. Out: a [`SourceMap`] in which one [`Span`] of eight bytes names a file and a place in it, because
//! every file gets its own stretch of one address space. Of a data file only the lines that are spoken of are held.
//! Invariant: a span made from a file's text lies within that file. Absent on purpose: reading files (see [`Loader`],
//! which only the command line implements with a disk).

use std::fmt;
use std::io::{Cursor, Read};
use std::ops::Range;

/// A half-open range of bytes in the address space of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The span from `start` up to `end`.
    pub const fn new(start: u32, end: u32) -> Self {
        Self { start, end }
    }

    /// The smallest span that holds both.
    pub fn to(self, other: Span) -> Span {
        Span::new(self.start.min(other.start), self.end.max(other.end))
    }

    /// The empty span at the end of this one.
    pub fn after(self) -> Span {
        Span::new(self.end, self.end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end)
    }
}

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash, PartialOrd, Ord)]
pub struct FileId(u32);

/// What a file is: it decides who is to blame for an error in it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// A model that the user wrote.
    Model,
    /// The units and functions that come with flowc.
    Prelude,
    /// A value given on the command line, such as `--set fee=1%`.
    Argument,
    /// A few lines of a data file.
    Data,
}

/// One text with its name.
#[derive(Debug)]
pub struct SourceFile {
    /// The name shown to the user.
    pub name: String,
    /// The whole text, or the lines that are held of it.
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
    /// The number of the text's first line: 1, but for lines out of a data file.
    pub first_line: usize,
    base: u32,
}

/// All texts of one compilation.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a text. `None` when all texts together would pass 4 GiB.
    pub fn add(&mut self, name: impl Into<String>, text: impl Into<String>, origin: Origin) -> Option<FileId> {
        self.push(name.into(), text.into(), origin, 1)
    }

    /// Adds lines out of a data file, so that a diagnostic can show them while the file is not held. `first_line` is the
    /// number of the first of them in the file, from 1. `None` when all texts together would pass 4 GiB.
    pub fn excerpt(&mut self, name: impl Into<String>, text: impl Into<String>, first_line: usize) -> Option<FileId> {
        self.push(name.into(), text.into(), Origin::Data, first_line.max(1))
    }

    fn push(&mut self, name: String, text: String, origin: Origin, first_line: usize) -> Option<FileId> {
        // One byte between files, so that the end of one is never the start of the next.
        let base = self.files.last().map_or(0, |f| f.base as u64 + f.text.len() as u64 + 1);
        if base + text.len() as u64 + 1 > u32::MAX as u64 {
            return None;
        }
        self.files.push(SourceFile { name, text, origin, first_line, base: base as u32 });
        Some(FileId(self.files.len() as u32 - 1))
    }

    /// The files in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(i, f)| (FileId(i as u32), f))
    }

    /// The file with this id.
    pub fn file(&self, id: FileId) -> &SourceFile {
        &self.files[id.0 as usize]
    }

    /// Where the address space of a file begins.
    pub fn base(&self, id: FileId) -> u32 {
        self.file(id).base
    }

    /// The file of a span and the bytes in it.
    pub fn locate(&self, span: Span) -> Option<(FileId, Range<usize>)> {
        let at = self.files.partition_point(|f| f.base <= span.start).checked_sub(1)?;
        let file = &self.files[at];
        let start = (span.start - file.base) as usize;
        let end = (span.end.max(span.start) - file.base) as usize;
        (end <= file.text.len()).then_some((FileId(at as u32), start..end))
    }

    /// The text of a span; empty when it lies in no file.
    pub fn text(&self, span: Span) -> &str {
        self.locate(span).and_then(|(file, range)| self.file(file).text.get(range)).unwrap_or_default()
    }

    /// Line and column of a span's start, both from 1; columns count characters. Lines out of a data file have their
    /// numbers in it.
    pub fn position(&self, span: Span) -> Option<(usize, usize)> {
        let (file, range) = self.locate(span)?;
        let file = self.file(file);
        let before = file.text.get(..range.start)?;
        let line = before.matches('\n').count() + file.first_line;
        let column = before.rsplit('\n').next().map_or(0, |l| l.chars().count()) + 1;
        Some((line, column))
    }
}

/// Why a file could not be had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LoadError {
    /// There is no such file.
    Missing,
    /// It is there and cannot be read, for the reason given.
    Unreadable(String),
}

/// Gives the bytes of a file that a model names. Paths are relative to the model's folder, with `/` between parts and
/// no `..` in them.
pub trait Loader {
    /// The bytes of the file at `path`.
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError>;

    /// The same bytes, from the first on, one after the other: a data file may be larger than what is kept of it.
    fn open(&self, path: &str) -> Result<Box<dyn Read>, LoadError>;
}

/// Files held in memory: for tests, editors and the web.
#[derive(Debug, Default, Clone)]
pub struct MemLoader {
    files: Vec<(String, Vec<u8>)>,
}

impl MemLoader {
    /// With one more file.
    pub fn with(mut self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.files.push((path.into(), text.as_ref().to_vec()));
        self
    }
}

impl Loader for MemLoader {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.files.iter().find(|(p, _)| p == path).map(|(_, t)| t.clone()).ok_or(LoadError::Missing)
    }

    fn open(&self, path: &str) -> Result<Box<dyn Read>, LoadError> {
        Ok(Box::new(Cursor::new(self.load(path)?)))
    }
}
