//! The line of a file that a diagnostic shows.
//!
//! In: the file once more, and a [`Place`] in it. Out: an [`Excerpt`], one line that a screen holds, with the field
//! marked. Invariant: fields are cut as the table cuts them. Absent on purpose: the other lines of a record whose quotes
//! span several, because the one on which a field begins is enough to find it.

use std::borrow::Cow;
use std::io::{BufRead, BufReader, Read};
use std::ops::Range;

use super::table::MARK;
use super::{LONGEST_RECORD, Place};

/// The longest excerpt in bytes; the command line draws no longer line.
const LONGEST: usize = 400;

/// What stands for text that is left out.
const CUT: char = '…';

/// A line out of a data file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Excerpt {
    /// The line, without its end. A long one is cut around the field; what is not text, or would move the cursor, is
    /// replaced.
    pub text: String,
    /// Its number in the file, from 1.
    pub first_line: usize,
    /// The bytes of the field in `text`, with its quotes and without the blanks around it; of the whole line where the
    /// place names no field, or one that is not there.
    pub field: Range<usize>,
}

/// Finds a place in a file that is read from its beginning. `None` where the file has no such line, or cannot be read.
pub fn excerpt(input: &mut dyn Read, place: Place) -> Option<Excerpt> {
    let mut input = BufReader::with_capacity(1 << 16, input);
    for _ in 1..place.line {
        if input.skip_until(b'\n').ok()? == 0 {
            return None;
        }
    }
    let mut bytes = Vec::new();
    input.take(LONGEST_RECORD as u64).read_to_end(&mut bytes).ok()?;
    // Even an empty file has a first line.
    if place.line == 0 || (place.line > 1 && bytes.is_empty()) {
        return None;
    }
    let record = if place.line == 1 { bytes.strip_prefix(MARK).unwrap_or(&bytes) } else { &bytes };

    let field = place.field.and_then(|n| nth(record, n));
    let start = field.as_ref().map_or(0, |f| f.start);
    let above = record[..start].iter().filter(|b| **b == b'\n').count();
    let from = record[..start].iter().rposition(|b| *b == b'\n').map_or(0, |i| i + 1);
    let to = record[start..].iter().position(|b| *b == b'\n').map_or(record.len(), |i| start + i);
    let to = if record[from..to].ends_with(b"\r") { to - 1 } else { to };
    let field = field.map_or(from..to, |f| f.start.min(to)..f.end.min(to));

    let [before, marked, after] = [from..field.start, field.clone(), field.end..to].map(|part| shown(&record[part]));
    let beside = |text: &str| text.len().min(LONGEST / 4);
    let marked = beginning(&marked, LONGEST - beside(&before) - beside(&after));
    let before = ending(&before, LONGEST - marked.len() - beside(&after));
    let after = beginning(&after, LONGEST - marked.len() - before.len());
    Some(Excerpt {
        text: format!("{before}{marked}{after}"),
        first_line: usize::try_from(place.line).ok()? + above,
        field: before.len()..before.len() + marked.len(),
    })
}

/// The bytes of a record's field, from 0, without the blanks around it.
fn nth(record: &[u8], field: usize) -> Option<Range<usize>> {
    let mut start = 0;
    for _ in 0..field {
        let end = end(record, start);
        if record.get(end) != Some(&b',') {
            return None;
        }
        start = end + 1;
    }
    let text = &record[start..end(record, start)];
    let start = start + (text.len() - text.trim_ascii_start().len());
    Some(start..start + text.trim_ascii().len())
}

/// Where the field that starts here ends: at a comma, a line's end or the last byte. A quote means something only where
/// a field starts with it, and until it is closed.
fn end(record: &[u8], start: usize) -> usize {
    let mut quoted = record.get(start) == Some(&b'"');
    let mut at = start + usize::from(quoted);
    while let Some(byte) = record.get(at) {
        match byte {
            b'"' if quoted && record.get(at + 1) == Some(&b'"') => at += 1,
            b'"' if quoted => quoted = false,
            b',' | b'\n' if !quoted => break,
            _ => {}
        }
        at += 1;
    }
    at
}

/// Bytes as text of one line, whatever they are.
fn shown(bytes: &[u8]) -> String {
    let breaks = |c: char| (c.is_control() && c != '\t') || matches!(c, '\u{2028}' | '\u{2029}');
    String::from_utf8_lossy(bytes).chars().map(|c| if breaks(c) { char::REPLACEMENT_CHARACTER } else { c }).collect()
}

/// As much of a text's beginning as has room.
fn beginning(text: &str, room: usize) -> Cow<'_, str> {
    if text.len() <= room {
        return text.into();
    }
    let mut to = room.saturating_sub(CUT.len_utf8());
    while !text.is_char_boundary(to) {
        to -= 1;
    }
    format!("{}{CUT}", &text[..to]).into()
}

/// As much of a text's end as has room.
fn ending(text: &str, room: usize) -> Cow<'_, str> {
    if text.len() <= room {
        return text.into();
    }
    let mut from = text.len() - room.saturating_sub(CUT.len_utf8());
    while !text.is_char_boundary(from) {
        from += 1;
    }
    format!("{CUT}{}", &text[from..]).into()
}
