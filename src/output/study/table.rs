//! Tables of text: columns as wide as what stands in them.

use unicode_width::UnicodeWidthStr;

pub(super) use super::super::asked::wrapped;
pub(super) use super::super::summary::clip;

/// Rows under a header.
pub(super) struct Table {
    rows: Vec<Vec<String>>,
}

impl Table {
    /// With these heads.
    pub(super) fn new(heads: &[&str]) -> Self {
        Table { rows: vec![heads.iter().map(|h| h.to_string()).collect()] }
    }

    /// One more.
    pub(super) fn row(&mut self, cells: Vec<String>) {
        self.rows.push(cells);
    }

    /// As lines. The first `names` columns are names, which stand on the left, and so does the last, if it is a unit; names
    /// that are too long are cut.
    pub(super) fn lay(&self, names: usize, out: &mut Vec<String>) {
        let columns = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let cell = |row: &[String], i: usize| {
            let text = row.get(i).cloned().unwrap_or_default();
            if i < names { clip(&text, 32) } else { text }
        };
        let widths: Vec<usize> =
            (0..columns).map(|i| self.rows.iter().map(|row| cell(row, i).width()).max().unwrap_or(0)).collect();
        let unit = |i: usize| self.rows[0].get(i).is_none_or(|head| head == "unit" || head == "at");
        for (number, row) in self.rows.iter().enumerate() {
            let mut line = String::new();
            for (i, width) in widths.iter().enumerate() {
                let mut text = cell(row, i);
                // Names stand under their title, a little to the right.
                if i == 0 && number > 0 {
                    text = format!("  {text}");
                }
                let width = width + if i == 0 { 2 } else { 0 };
                let pad = " ".repeat(width.saturating_sub(text.width()));
                let gap = if i == 0 { "" } else { "  " };
                line += &if i < names || unit(i) { format!("{gap}{text}{pad}") } else { format!("{gap}{pad}{text}") };
            }
            out.push(line);
        }
    }

    /// Columns beside each other, each a head, a second head and its cells; those on the left again in front of each part,
    /// where the others do not stand in one line of this width. Names on the left stand on the left, numbers of points not.
    pub(super) fn columns(left: &[Vec<String>], right: &[Vec<String>], width: usize, out: &mut Vec<String>) {
        let wide = |column: &Vec<String>| column.iter().map(|c| c.width()).max().unwrap_or(0) + 2;
        let start: usize = left.iter().map(wide).sum();
        let mut rest = right;
        loop {
            // In front of the first column there is no gap.
            let mut room = (width + 2).saturating_sub(start);
            let fits = rest.iter().take_while(|c| {
                let w = wide(c);
                let fits = w <= room;
                room = room.saturating_sub(w);
                fits
            });
            let (part, after) = rest.split_at(fits.count().max(1).min(rest.len()));
            let rows = left.iter().chain(part).map(Vec::len).max().unwrap_or(0);
            for row in 0..rows {
                let line = left.iter().chain(part).enumerate().map(|(i, column)| {
                    let text = column.get(row).map_or("", String::as_str);
                    let w = wide(column) - 2;
                    let pad = " ".repeat(w.saturating_sub(text.width()));
                    let gap = if i == 0 { "" } else { "  " };
                    let head = column.first().map_or("", String::as_str);
                    let name = if i < left.len() { head != "point" } else { head == "unit" };
                    if name { format!("{gap}{text}{pad}") } else { format!("{gap}{pad}{text}") }
                });
                let line: String = line.collect();
                // A second head that nobody has.
                if row != 1 || !line.trim().is_empty() {
                    out.push(line);
                }
            }
            if after.is_empty() {
                return;
            }
            out.push(String::new());
            rest = after;
        }
    }
}
