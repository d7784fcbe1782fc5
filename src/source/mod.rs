//! Source text: where every span points.
//!
//! In: named texts. Out: a [`SourceMap`] in which one [`Span`] of eight bytes names a file and a place in it, because
//! every file gets its own stretch of one address space.
//! Invariant: a span made from a file's text lies within that file. Absent on purpose: reading files (see [`Loader`],
//! which only the command line implements with a disk).

use std::fmt;
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
}

/// One text with its name.
#[derive(Debug)]
pub struct SourceFile {
    /// The name shown to the user.
    pub name: String,
    /// The whole text.
    pub text: String,
    /// Who wrote it.
    pub origin: Origin,
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
        let text = text.into();
        // One byte between files, so that the end of one is never the start of the next.
        let base = self.files.last().map_or(0, |f| f.base as u64 + f.text.len() as u64 + 1);
        if base + text.len() as u64 + 1 > u32::MAX as u64 {
            return None;
        }
        self.files.push(SourceFile { name: name.into(), text, origin, base: base as u32 });
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

    /// Line and column of a span's start, both from 1; columns count characters.
    pub fn position(&self, span: Span) -> Option<(usize, usize)> {
        let (file, range) = self.locate(span)?;
        let before = self.file(file).text.get(..range.start)?;
        let line = before.matches('\n').count() + 1;
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

/// Gives the text of a file that a model names. Paths are relative to the model's folder, with `/` between parts and
/// no `..` in them.
pub trait Loader {
    /// The bytes of the file at `path`.
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError>;
}

/// Files held in memory: for tests, editors and the web.
#[derive(Debug, Default, Clone)]
pub struct MemLoader {
    files: Vec<(String, Vec<u8>)>,
}

impl MemLoader {
    /// With one more file.
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.push((path.into(), text.as_bytes().to_vec()));
        self
    }
}

impl Loader for MemLoader {
    fn load(&self, path: &str) -> Result<Vec<u8>, LoadError> {
        self.files.iter().find(|(p, _)| p == path).map(|(_, t)| t.clone()).ok_or(LoadError::Missing)
    }
}
