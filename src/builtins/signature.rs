//! The line that says how a function is called: `mod(a: D, b: D) -> D`.
//!
//! A capital letter stands for any dimension, the same one wherever it stands again; `T` for the clock's; `1` for plain
//! numbers; `bool` for conditions, `label` for members, `any` for either; `[D]` for the values of many members. `= …` marks an argument that may be left out, `...` one that may be repeated.

use num_traits::One;

use crate::units::Exponent;

/// What an argument or a result is.
#[derive(Clone, Debug, PartialEq)]
pub enum Slot {
    /// A condition.
    Bool,
    /// A member of an index.
    Label,
    /// A condition or a member.
    Any,
    /// A number of this dimension: a product of powers of letters.
    Number(Vec<(char, Exponent)>),
}

/// One argument.
#[derive(Clone, Debug)]
pub struct Param {
    /// Its name, for calls by name.
    pub name: String,
    /// What it is.
    pub slot: Slot,
    /// It may be left out.
    pub optional: bool,
    /// It may be given any number of times.
    pub repeated: bool,
}

/// How a function is called and what comes out.
#[derive(Clone, Debug)]
pub struct Signature {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub params: Vec<Param>,
    /// Its result.
    pub result: Slot,
    /// The line itself.
    pub text: &'static str,
}

impl Signature {
    /// Reads a line of the table; a malformed line is a mistake of the table's author, held by a test.
    pub(super) fn parse(text: &'static str) -> Self {
        let (name, rest) = text.split_once('(').unwrap_or((text, ") -> 1"));
        let (params, result) = rest.split_once(") -> ").unwrap_or((rest, "1"));
        let params = params.split(", ").filter(|p| !p.is_empty()).map(|param| {
            let (param, repeated) = (param.trim_end_matches("..."), param.ends_with("..."));
            let (param, default) = param.split_once(" = ").map_or((param, None), |(p, d)| (p, Some(d)));
            let (name, ty) = param.split_once(": ").unwrap_or((param, "1"));
            Param { name: name.into(), slot: slot(ty), optional: default.is_some(), repeated }
        });
        Self { name: name.into(), params: params.collect(), result: slot(result), text }
    }
}

fn slot(text: &str) -> Slot {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    match text {
        "bool" => return Slot::Bool,
        "label" => return Slot::Label,
        "any" => return Slot::Any,
        _ => {}
    }
    let mut factors = Vec::new();
    let mut sign = Exponent::one();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '/' => sign = -Exponent::one(),
            '*' => sign = Exponent::one(),
            'A'..='Z' => {
                let half = chars.next_if_eq(&'½').is_some();
                let exponent = if half { Exponent::new(1, 2) } else { Exponent::one() };
                factors.push((c, sign * exponent));
            }
            _ => {}
        }
    }
    Slot::Number(factors)
}
