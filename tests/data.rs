//! Data files: what a table may look like, what is said of others, the numbers in cells, the lines of excerpts.

#![allow(clippy::disallowed_methods)] // Tests make files of their own.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use flowc::data::{Decimal, LONGEST_RECORD, Misread, Place, Problem, Table, excerpt, read};
use flowc::diag::{Code, Diagnostic};
use flowc::source::{LoadError, Origin, SourceMap, Span};
use flowc::{Loader, MemLoader};
use num_bigint::BigInt;
use num_rational::BigRational;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn table(mut text: &[u8]) -> Result<Table, Misread> {
    read("data.csv", &mut text, None)
}

fn sound(text: &str) -> Table {
    table(text.as_bytes()).unwrap_or_else(|e| panic!("{e:?}\n{text}"))
}

fn cells(table: &Table) -> Vec<Vec<&str>> {
    (0..table.rows()).map(|r| (0..table.header().len()).map(|c| table.cell(r, c)).collect()).collect()
}

#[track_caller]
fn misread(text: impl AsRef<[u8]>, line: u64, field: Option<usize>, problem: Problem) {
    let found = table(text.as_ref()).expect_err("it is no table");
    assert_eq!(found, Misread { place: Place { line, field }, problem });
}

/// The line that is shown for a place, and the field in it.
#[track_caller]
fn shown(text: impl AsRef<[u8]>, line: u64, field: Option<usize>) -> (usize, String, String) {
    let found = excerpt(&mut text.as_ref(), Place { line, field }).expect("the place is there");
    (found.first_line, found.text[found.field].to_string(), found.text)
}

#[test]
fn what_spreadsheets_write_is_read() {
    let expected = vec![vec!["1", "x"], vec!["2", "y, z"]];
    for text in [
        "a,b\n1,x\n2,\"y, z\"\n",
        "a,b\n1,x\n2,\"y, z\"",
        "\u{feff}a,b\r\n1,x\r\n2,\"y, z\"\r\n",
        "\u{feff}\"a\",b\r\n1,x\r\n2,\"y, z\"",
        "\n\r\n a ,\tb\n\n  \n1 , x\n\n\r\n\"2\",\"y, z\" \n\n",
        "a,b\n1,\u{a0}x\n2,\" y, z \"\r\n",
    ] {
        let table = sound(text);
        assert_eq!(table.path, "data.csv");
        assert_eq!(table.header(), ["a", "b"], "{text:?}");
        assert_eq!(cells(&table), expected, "{text:?}");
    }
    let table = sound("név,\"a \"\"b\"\"\"\nő,\n");
    assert_eq!((table.header()[1].as_str(), table.find("név"), table.find("Név")), ("a \"b\"", Some(0), None));
    assert_eq!(cells(&table), [["ő", ""]]);
    assert_eq!(cells(&sound("only\n1\n\n2")), [["1"], ["2"]]);
}

#[test]
fn lines_are_those_of_the_file() {
    for end in ["\n", "\r\n"] {
        let text = ["", "a,b", "1,\"x", "y\"", "", "2,\"z\"", "3,w", "\"4", "\",", "5,v"].join(end);
        let table = sound(&text);
        let lines: Vec<u64> = (0..table.rows()).map(|r| table.place(Some(r), None).line).collect();
        assert_eq!(lines, [3, 6, 7, 8, 10], "{text:?}");
        assert_eq!(table.place(None, Some(1)), Place { line: 2, field: Some(1) });
        assert_eq!(table.cell(0, 1), format!("x{end}y"));
    }
}

#[test]
fn only_what_is_wanted_is_kept() {
    let text = "key,a,b\nx,1,2\ny,3,4\n";
    let wanted = BTreeSet::from(["b".to_string(), "nowhere".to_string()]);
    let table = read("data.csv", &mut text.as_bytes(), Some(&wanted)).expect("a table");
    assert_eq!(table.header(), ["key", "a", "b"]);
    assert_eq!(cells(&table), [["x", "", "2"], ["y", "", "4"]]);
    assert_eq!((table.cell(2, 0), table.cell(0, 3)), ("", ""));
}

#[test]
fn other_files_are_refused_with_their_place() {
    for empty in ["", "\u{feff}", "\n\r\n  \n", "\"\""] {
        misread(empty, 1, None, Problem::Empty);
    }
    misread("\na,b\n\n", 2, None, Problem::NoRows);
    misread("a,b\n1,2\n\n3\n4,5\n", 4, None, Problem::Ragged { wanted: 2, found: 1 });
    misread("a,b\n1,2\n3,4,5\n", 3, Some(2), Problem::Ragged { wanted: 2, found: 3 });
    misread("a,b\n\"1\n\",2,3", 2, Some(2), Problem::Ragged { wanted: 2, found: 3 });
    misread("a, b ,b\n", 1, Some(2), Problem::DoubledColumn("b".into()));
    misread("a,,b\n1,2,3\n", 1, Some(1), Problem::UnnamedColumn);
    misread("a;b\n1,5;2\n", 1, None, Problem::Separator(';'));
    misread("\u{feff}a\tb;c\r\n", 1, None, Problem::Separator('\t'));
    misread("a;b,c\n1\n", 2, None, Problem::Ragged { wanted: 2, found: 1 });
    misread("a,b\n1,\"2\n3,4\n", 2, Some(1), Problem::OpenQuote);
    misread("\"a", 1, Some(0), Problem::OpenQuote);
    misread(b"a,b\n1,2\n3,M\xfcller\n", 3, Some(1), Problem::NotUtf8);
    misread(b"a,b\n\xc3,\xbc\n", 2, Some(0), Problem::NotUtf8);
    misread(b"a,\xff\n", 1, Some(1), Problem::NotUtf8);
}

#[test]
fn a_forgotten_quote_does_not_read_the_file_into_memory() {
    let mut text = String::from("a,b\n1,2\n3,\"4\n");
    let row = "5,6\n";
    text.push_str(&row.repeat(3 * LONGEST_RECORD / row.len()));
    misread(&text, 3, None, Problem::LongRecord);
    assert_eq!(shown(&text, 3, None), (3, "3,\"4".into(), "3,\"4".into()));
    // A long record, and many blank lines, are none.
    let long = "x".repeat(LONGEST_RECORD - 100_000);
    let blank = "\n".repeat(3 * LONGEST_RECORD);
    let text = format!("a,b\n{long},1\n{blank}y,2\n");
    let table = sound(&text);
    assert_eq!((table.cell(0, 0).len(), table.cell(1, 0)), (long.len(), "y"));
    assert_eq!(table.place(Some(1), None).line, 3 + 3 * LONGEST_RECORD as u64);
}

/// Gives some bytes, and then an error.
struct Broken(&'static [u8]);

impl Read for Broken {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.0.is_empty() { Err(std::io::Error::other("the disk is gone")) } else { self.0.read(buffer) }
    }
}

#[test]
fn a_disk_that_fails_is_an_error() {
    for (text, line) in [("", 1), ("a,b\n1,2\n", 3)] {
        let found = read("data.csv", &mut Broken(text.as_bytes()), None).expect_err("it fails");
        let problem = Problem::Unreadable("the disk is gone".into());
        assert_eq!(found, Misread { place: Place { line, field: None }, problem });
        assert_eq!(excerpt(&mut Broken(text.as_bytes()), Place { line: 1, field: None }), None);
    }
}

#[test]
fn an_excerpt_shows_the_field() {
    let text = "\u{feff}a , \"b,c\",d\r\n\r\n1,\"x\r\ny, z\",\"p\"\"q\"\r\n,,\r\nlast";
    let line = |s: &str| s.to_string();
    assert_eq!(shown(text, 1, None), (1, line("a , \"b,c\",d"), line("a , \"b,c\",d")));
    assert_eq!(shown(text, 1, Some(0)).1, "a");
    // After a blank, a quote is a letter like any other.
    assert_eq!(shown(text, 1, Some(1)).1, "\"b");
    assert_eq!(shown(text, 2, None), (2, line(""), line("")));
    assert_eq!(shown(text, 3, Some(0)), (3, line("1"), line("1,\"x")));
    assert_eq!(shown(text, 3, Some(1)), (3, line("\"x"), line("1,\"x")));
    assert_eq!(shown(text, 3, Some(2)), (4, line("\"p\"\"q\""), line("y, z\",\"p\"\"q\"")));
    assert_eq!(shown(text, 5, Some(2)), (5, line(""), line(",,")));
    assert_eq!(shown(text, 5, Some(3)), (5, line(",,"), line(",,")));
    assert_eq!(shown(text, 6, Some(0)), (6, line("last"), line("last")));
    assert_eq!(shown("", 1, Some(0)), (1, line(""), line("")));
    assert_eq!(shown(b"a\xffb\x1b[0m,\xe2\x80\xa8\n", 1, Some(0)).2, "a\u{fffd}b\u{fffd}[0m,\u{fffd}");
    for line in [0, 7, u64::MAX] {
        assert_eq!(excerpt(&mut text.as_bytes(), Place { line, field: None }), None);
    }
}

#[test]
fn a_long_line_is_cut_around_the_field() {
    let wide: Vec<String> = (0..500).map(|i| format!("é{i}")).collect();
    let text = format!("{}\n{},1\n", wide.join(","), "ő".repeat(1000));
    for field in [0, 250, 499] {
        let (_, marked, line) = shown(&text, 1, Some(field));
        assert_eq!(marked, wide[field]);
        assert!((390..=400).contains(&line.len()), "{line}");
        assert_eq!((line.starts_with('…'), line.ends_with('…')), (field > 0, field < 499));
    }
    let (_, marked, line) = shown(&text, 1, None);
    assert!(marked == line && line.len() <= 400 && line.starts_with("é0,") && line.ends_with('…'), "{line}");
    let (_, marked, line) = shown(&text, 2, Some(0));
    assert!(line.len() <= 400 && marked.starts_with('ő') && marked.ends_with('…') && line.ends_with("…,1"), "{line}");
}

#[test]
fn a_diagnostic_points_into_a_data_file() {
    let mut sources = SourceMap::default();
    let model = sources.add("model.flow", "let x = 1\n", Origin::Model).expect("room");
    let text = "key,fee\na,1\nb,12 month\n";
    let found = excerpt(&mut text.as_bytes(), Place { line: 3, field: Some(1) }).expect("the place is there");
    let file = sources.excerpt("fees.csv", found.text, 70_000 + found.first_line).expect("room");
    assert_eq!((sources.file(file).origin, sources.file(file).first_line), (Origin::Data, 70_003));
    assert_eq!(sources.file(model).first_line, 1);
    let base = sources.base(file);
    let span = Span::new(base + found.field.start as u32, base + found.field.end as u32);
    assert_eq!((sources.text(span), sources.position(span)), ("12 month", Some((70_003, 3))));
    assert_eq!(sources.position(Span::new(4, 5)), Some((1, 5)));
    let drawn = |diagnostic: Diagnostic| flowc::cli::plain(&diagnostic.help("a number"), &sources);
    let alone = drawn(Diagnostic::new(Code::E0001, "no number", span, "here"));
    let expected = "\
E0001: no number
       ╭─[ fees.csv:70003:3 ]
       │
 70003 │ b,12 month
       │   ────┬───
       │       ╰───── here
       │
       │ Help: a number
───────╯
";
    assert_eq!(trimmed(&alone), expected);
    let both = drawn(Diagnostic::new(Code::E0001, "no number", span, "here").label(Span::new(4, 5), "for this"));
    let expected = "\
E0001: no number
       ╭─[ model.flow:1:5 ]
       │
     1 │ let x = 1
       │     ┬
       │     ╰── for this
       │
       ├─[ fees.csv:70003:3 ]
       │
 70003 │ b,12 month
       │   ────┬───
       │       ╰───── here
       │
       │ Help: a number
───────╯
";
    assert_eq!(trimmed(&both), expected);
}

/// Without the blanks at the ends of lines.
fn trimmed(text: &str) -> String {
    text.lines().map(|l| format!("{}\n", l.trim_end())).collect()
}

#[test]
fn memory_is_a_loader() {
    let loader = MemLoader::default().with("data/fees.csv", "a\n1\n");
    let mut bytes = Vec::new();
    loader.open("data/fees.csv").expect("it is there").read_to_end(&mut bytes).expect("memory is readable");
    assert_eq!(bytes, b"a\n1\n");
    assert_eq!(loader.open("fees.csv").err(), Some(LoadError::Missing));
}

fn rational(numer: i64, ten: u32, down: bool) -> BigRational {
    let power = BigRational::from_integer(BigInt::from(10).pow(ten));
    BigRational::from_integer(numer.into()) * if down { power.recip() } else { power }
}

#[test]
fn decimals_are_exact() {
    assert_eq!(size_of::<Decimal>(), 16);
    for (text, numer, ten, down) in [
        ("0", 0, 0, false),
        ("-0.000", 0, 0, false),
        ("007", 7, 0, false),
        ("+1_000_000", 1_000_000, 0, false),
        ("-1.50", -15, 1, true),
        (".5", 5, 1, true),
        ("1.", 1, 0, false),
        ("0.000_1", 1, 4, true),
        ("1e6", 1, 6, false),
        ("1.5E-3", 15, 4, true),
        ("2e+400", 2, 400, false),
        ("2e-400", 2, 400, true),
        ("5k", 5, 3, false),
        ("-2.5M", -25, 5, false),
        ("3B", 3, 9, false),
        ("1e-3T", 1, 9, false),
        ("12%", 12, 2, true),
        (".5%", 5, 3, true),
        ("123456789012345678", 123_456_789_012_345_678, 0, false),
        // More digits are rounded, half to even.
        ("1234567890123456785", 123_456_789_012_345_678, 1, false),
        ("1234567890123456775", 123_456_789_012_345_678, 1, false),
        ("12345678901234567850.0001", 123_456_789_012_345_679, 2, false),
        ("0.9999999999999999999", 1, 0, false),
        ("-9999999999999999996e-19", -1, 0, false),
    ] {
        let decimal = Decimal::parse(text).unwrap_or_else(|| panic!("{text} is a number"));
        assert_eq!(decimal.to_rational(), rational(numer, ten, down), "{text}");
    }
    assert_eq!(Decimal::parse("1.0"), Decimal::parse("0.001k"));
    assert_eq!(Decimal::parse("1e400").map(|d| d.to_f64()), Some(f64::INFINITY));
    let zeros = "0".repeat(300);
    assert_eq!(Decimal::parse(&format!("1{zeros}.{zeros}")), Decimal::parse("1e300"));
}

#[test]
fn what_else_looks_like_a_number_is_none() {
    for text in [
        "",
        " ",
        "1 ",
        " 1",
        "+",
        "-",
        ".",
        "%",
        "k",
        "-.",
        "+-1",
        "--1",
        "1,000",
        "12 month",
        "12month",
        "NaN",
        "inf",
        "-inf",
        "infinity",
        "0x1",
        "1e",
        "1e+",
        "1e1.5",
        "1e1_0",
        "e5",
        "1e5e5",
        "1.2.3",
        "_1",
        "1_",
        "1__0",
        "1_.0",
        "1._0",
        "1k%",
        "1%k",
        "1%%",
        "1K",
        "1m",
        "1 %",
        "1 k",
        "1e401",
        "1e-401",
        "0e401",
        "1e99999999999",
        "٣",
        "½",
        "−1",
        "€5",
        "(3)",
        "1e+-5",
        "1.5e400%%",
        "999k e1",
        "10e400",
        "1e400k",
    ] {
        assert_eq!(Decimal::parse(text), None, "{text:?}");
    }
}

/// A cell as a spreadsheet may hold it, and as it may be written.
fn cell() -> impl Strategy<Value = (String, String)> {
    let blank = prop::sample::select(vec!["", " ", "\t"]);
    ("[a-zé0-9.%][a-zé0-9 ,;\"\n]{0,8}", blank, any::<bool>()).prop_map(|(text, blank, quoted)| {
        let text = text.trim().to_string();
        let written = if quoted || text.contains([',', '"', '\n']) {
            format!("\"{}\"{blank}", text.replace('"', "\"\""))
        } else {
            format!("{blank}{text}{blank}")
        };
        (text, written)
    })
}

/// Gives a byte or a few at a time.
struct Trickle<'a>(&'a [u8], usize);

impl Read for Trickle<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let few = buffer.len().min(self.1);
        self.0.read(&mut buffer[..few])
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, rng_seed: RngSeed::Fixed(2_026), ..ProptestConfig::default() })]

    /// A table gives back what was written, and an excerpt shows every cell of it.
    #[test]
    fn a_table_is_what_was_written(
        rows in (1usize..5).prop_flat_map(|n| prop::collection::vec(prop::collection::vec(cell(), n), 1..6)),
        windows in any::<bool>(), mark in any::<bool>(), few in 1usize..9,
    ) {
        let end = if windows { "\r\n" } else { "\n" };
        let names: Vec<String> = (0..rows[0].len()).map(|i| format!("n{i}")).collect();
        let mut text = format!("{}{}{end}", if mark { "\u{feff}" } else { "" }, names.join(","));
        for row in &rows {
            let written: Vec<&str> = row.iter().map(|(_, written)| written.as_str()).collect();
            text.push_str(&format!("{}{end}{end}", written.join(",")));
        }
        let table = read("data.csv", &mut Trickle(text.as_bytes(), few), None).expect("a table");
        let expected: Vec<Vec<&str>> = rows.iter().map(|r| r.iter().map(|(cell, _)| cell.as_str()).collect()).collect();
        prop_assert_eq!(cells(&table), expected, "{:?}", text);
        for (r, row) in rows.iter().enumerate() {
            for (c, (_, written)) in row.iter().enumerate() {
                let found = excerpt(&mut Trickle(text.as_bytes(), few), table.place(Some(r), Some(c))).expect("it is there");
                let first = written.trim().lines().next().unwrap_or_default();
                prop_assert_eq!(&found.text[found.field.clone()], first, "{:?}", text);
                let line = text.trim_start_matches('\u{feff}').lines().nth(found.first_line - 1);
                prop_assert_eq!(Some(found.text.as_str()), line, "{:?}", text);
            }
        }
    }

    /// Any bytes are a table or none, and any place in them is shown or not there.
    #[test]
    fn any_bytes_are_survived(
        bytes in prop::collection::vec(prop::sample::select(b"a1,,;\"\"\n\n\r \t\x04\xef\xbb\xbf\xc3\xa9\xff".to_vec()), 0..60),
        few in 1usize..9, line in 0u64..9, field in prop::option::of(0usize..5),
    ) {
        let whole = table(&bytes).map(|t| format!("{t:?}"));
        let trickle = read("data.csv", &mut Trickle(&bytes, few), None).map(|t| format!("{t:?}"));
        prop_assert_eq!(&whole, &trickle);
        if let Err(found) = whole {
            prop_assert!(excerpt(&mut bytes.as_slice(), found.place).is_some(), "{:?}", found);
        }
        if let Some(found) = excerpt(&mut Trickle(&bytes, few), Place { line, field }) {
            prop_assert!(found.text.get(found.field.clone()).is_some(), "{:?}", found);
            prop_assert!(found.text.len() <= 400 && !found.text.contains('\n'), "{:?}", found);
        }
    }

    /// No text makes the reading of a number panic.
    #[test]
    fn any_text_is_a_number_or_none(text in "[-+]?[0-9_.eEkMBT%é ]{0,12}") {
        if let Some(decimal) = Decimal::parse(&text) {
            prop_assert_eq!(flowc::units::to_f64(&decimal.to_rational()), decimal.to_f64());
        }
    }

    /// A number of up to eighteen digits is the double that it is elsewhere.
    #[test]
    fn decimals_agree_with_doubles(text in "-?[0-9]{1,9}(\\.[0-9]{0,9})?(e-?[0-9]{1,2})?", bits in any::<u64>()) {
        prop_assert_eq!(Decimal::parse(&text).map(|d| d.to_f64()), text.parse().ok());
        let value = f64::from_bits(bits);
        if value.is_finite() {
            let near = Decimal::parse(&format!("{value:e}")).map(|d| d.to_f64());
            prop_assert_eq!(near, Some(value));
        }
    }
}

/// Rows of a long file, made as they are read.
struct Rows {
    row: u64,
    rows: u64,
    line: Vec<u8>,
    at: usize,
}

impl Read for Rows {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.line.len() && self.row < self.rows {
            self.line.clear();
            // A few rows at a time.
            for row in self.row..self.rows.min(self.row + 100) {
                writeln!(self.line, "{row},{row}.5,\"a text, which nothing reads\",0.123456789,{:068}", row)?;
            }
            (self.row, self.at) = (self.rows.min(self.row + 100), 0);
        }
        let read = (&self.line[self.at..]).read(buffer)?;
        self.at += read;
        Ok(read)
    }
}

fn long(megabytes: u64) -> Rows {
    // A row has 125 bytes or so.
    Rows { row: 0, rows: megabytes * 8_000, line: b"time,price,note,share,pad\n".to_vec(), at: 0 }
}

#[test]
fn a_long_file_is_read_as_a_stream() {
    let wanted = BTreeSet::from(["time".to_string()]);
    let table = read("long.csv", &mut long(100), Some(&wanted)).expect("a table");
    assert_eq!(table.rows(), 800_000);
    assert_eq!((table.cell(799_999, 0), table.cell(799_999, 1)), ("799999", ""));
    let place = table.place(Some(799_999), Some(1));
    let found = excerpt(&mut long(100), place).expect("it is there");
    assert_eq!((found.first_line, &found.text[found.field]), (800_001, "799999.5"));
}

/// Runs a model over files, and gives its metrics.
fn metrics(text: &str, files: &[(&str, &str)]) -> Vec<(String, f64)> {
    let loader = files.iter().fold(MemLoader::default(), |l, (path, text)| l.with(path, text));
    let checked = flowc::check("model.flow", text.as_bytes(), &loader, &flowc::Settings::default());
    let said: Vec<String> = checked.diagnostics.iter().map(|d| flowc::cli::plain(d, &checked.sources)).collect();
    assert!(said.is_empty(), "{}\n{text}\n{files:?}", said.join("\n"));
    let results = checked.run().expect("a sound model runs");
    results.metrics.iter().map(|m| (m.name.clone(), m.value)).collect()
}

#[track_caller]
fn comes_to(text: &str, files: &[(&str, &str)], expected: &[(&str, f64)]) {
    let expected: Vec<(String, f64)> = expected.iter().map(|(name, value)| (name.to_string(), *value)).collect();
    assert_eq!(metrics(text, files), expected, "{files:?}");
}

#[test]
fn a_table_means_the_same_however_it_was_saved() {
    let model = "time month from 0 to 12
        unit TKN
        index Class = insider, public
        index Recipient from \"data/r.csv\" { amount: TKN, cliff: month, share: 1, class: Class, open: bool }
        metric all = sum(amount)
        metric inside = sum(amount[r] for r in Recipient where class[r] == insider)
        metric later = max(cliff[r] for r in Recipient where open[r] else 0)
        metric shares = sum(share)
        metric n = count(Recipient)";
    let plain =
        "label,amount,cliff,share,class,open\nteam,30M,12,30%,insider,true\nThe public,7e7,0,0.7,public,false\n";
    let expected = [("all", 1e8), ("inside", 3e7), ("later", 12.0), ("shares", 1.0), ("n", 2.0)];
    for text in [
        plain.to_string(),
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        format!("\u{feff}{}", plain.replace('\n', "\r\n").trim_end()),
        plain.replace('\n', "\n\n  \n"),
        plain.replace(',', " ,\t"),
        plain.replace("The public", "\"The public\"").replace("30M", "\"30000000\"").replace("label", "\"label\""),
        plain.replace("7e7", " 70_000_000 ").replace("30%", "+.3"),
        // Other columns, in another order.
        "label,note,open,class,share,cliff,amount\nteam,\"a, b\",true,insider,30%,12,30M\nThe public,,false,public,70%,0,70M"
            .to_string(),
    ] {
        comes_to(model, &[("data/r.csv", &text)], &expected);
    }
}

#[test]
fn a_header_may_say_the_types() {
    let model = "time month from 0 to 12
        unit TKN
        index Class = insider, public
        index Recipient from \"r.csv\"
        metric all = sum(amount[r] for r in Recipient where class[r] == insider)
        metric rate = max(pace)";
    for header in [
        "label,amount [TKN],class [Class],pace [TKN/month]",
        "\u{feff}label , amount[TKN] ,\"class [Class]\", pace [ TKN/month ]",
    ] {
        comes_to(
            model,
            &[("r.csv", &format!("{header}\nteam,5k,insider,20\nrest,1,public,30\n"))],
            &[("all", 5000.0), ("rate", 30.0)],
        );
    }
}

#[test]
fn a_percentage_takes_the_rest_of_its_columns_unit() {
    let model = "time year from 0 to 1
        index R from \"r.csv\" { share: percent, growth: percent/year, part: 1, churn: 1/month }
        metric shares = sum(share)
        metric growths = sum(growth)
        metric parts = sum(part)
        metric churns = sum(churn)";
    let table = "label,share,growth,part,churn\na,20%,2%,5%,3%\nb,30,3,0.05,0.03\n";
    let expected = [("shares", 50.0), ("growths", 5.0), ("parts", 0.1), ("churns", 0.06)];
    comes_to(model, &[("r.csv", table)], &expected);
}

#[test]
fn an_array_of_parameters_is_a_matrix_or_a_list() {
    let model = "time month from 0 to 12
        unit TKN
        index Buyer = farm, shop
        index Year = 2025 .. 2026
        param trade[b in Buyer, y in Year]: TKN from \"t.csv\"
        metric farms = trade[farm, 2026]
        metric shops = trade[shop, 2025]";
    let expected = [("farms", 2.0), ("shops", 3.0)];
    for text in [
        "buyer,2025,2026\nfarm,1,2\nshop,3,4\n",
        "buyer,2026,2025\nshop,4,3\nfarm,2,1\n",
        "buyer,year,amount\nfarm,2025,1\nfarm,2026,2\nshop,2025,3\nshop,2026,4\n",
        "b,y,x\nshop,2026,4\nfarm,2026,2\nshop,2025,3\nfarm,2025,1",
    ] {
        comes_to(model, &[("t.csv", text)], &expected);
    }
}

#[test]
fn a_series_reads_numbers_dates_and_labels() {
    let model = |clock: &str, series: &str| {
        format!("time month from 0 to 2{clock}\n unit TKN\n index Mood = calm, wild\n {series}")
    };
    let price =
        "series price: USD/TKN from \"p.csv\" column close\n metric mean = mean_over(price)\n metric n = count(Mood)";
    let numbers = "month,open,close\n0,9,1\n1,9,2\n3,9,6\n";
    comes_to(&model("", price), &[("p.csv", numbers)], &[("mean", 7.0 / 3.0), ("n", 2.0)]);
    let dates = "\u{feff}date,close\r\n2026-01-01,1\r\n2026-02-01,2\r\n2026-04-01,6\r\n";
    comes_to(&model(" starting @2026-01-01", price), &[("p.csv", dates)], &[("mean", 7.0 / 3.0), ("n", 2.0)]);
    let mood = "series mood: Mood from \"m.csv\" hold\n metric wildness = mean_over(if mood == wild then 1 else 0)";
    comes_to(&model("", mood), &[("m.csv", "month,mood\n0,calm\n2,wild\n")], &[("wildness", 1.0 / 3.0)]);
    let each = "series price[m in Mood]: USD/TKN from \"p.csv\" hold\n metric a = final(price[calm])\n metric b = final(price[wild])";
    comes_to(&model("", each), &[("p.csv", "month,wild,calm\n0,1,2\n2,3,4\n")], &[("a", 4.0), ("b", 3.0)]);
}
