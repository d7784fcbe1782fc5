//! From syntax to meaning: the edges of the ledger and what is conserved.

use super::resolve::{Meaning, Resolver, quoted};
use super::{Conserve, Move, Place, PlaceKind, ShortKind, Timing};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn leg(
        &mut self,
        leg: &'a ast::Leg,
        flow: bool,
        short: Option<ShortKind>,
        timing: Timing,
    ) -> Option<Move> {
        let amount = self.expr(&leg.amount);
        let from = self.place(&leg.from);
        let to = match &leg.to {
            ast::Target::One(place, None) => self.place(place),
            ast::Target::One(place, Some(_)) => {
                self.not_yet("a second choice of target", place.span);
                return None;
            }
            ast::Target::Split(_, span) => {
                self.not_yet("a split", *span);
                return None;
            }
        };
        Some(Move { flow, from, to, amount, short, timing })
    }

    fn place(&mut self, place: &'a ast::Place) -> Place {
        let kind = match &place.kind {
            ast::PlaceKind::Cloud => PlaceKind::Cloud,
            ast::PlaceKind::Name { name, subscripts } if subscripts.is_empty() => {
                match self.names.get(&name.text).map(|e| e.meaning) {
                    Some(Meaning::Decl(id)) => PlaceKind::Decl(id),
                    Some(Meaning::Unknown) => PlaceKind::Unknown,
                    Some(Meaning::Unit(_)) => {
                        let error = Diagnostic::new(
                            Code::E0403,
                            format!("`{}` is a unit, and holds nothing", name.text),
                            place.span,
                            "an end of a flow is a stock or `cloud`",
                        )
                        .help(format!("declare a stock: `stock my_stock: {} = 0`", name.text));
                        self.report(error);
                        PlaceKind::Unknown
                    }
                    None => {
                        self.unknown_stock(name);
                        PlaceKind::Unknown
                    }
                }
            }
            _ => {
                self.not_yet("a stock of an array or an entity", place.span);
                PlaceKind::Unknown
            }
        };
        Place { kind, span: place.span }
    }

    fn unknown_stock(&mut self, name: &ast::Name) {
        if self.incomplete.names {
            return;
        }
        let stocks: Vec<String> =
            self.model.decls.iter().filter(|d| d.word == "stock").map(|d| d.name.clone()).collect();
        let compare = self.may_compare();
        let known = stocks.iter().map(String::as_str).chain(["cloud"]);
        let meant = if compare { did_you_mean(&name.text, known) } else { None };
        let error = Diagnostic::new(
            Code::E0101,
            format!("there is no stock `{}`", name.text),
            name.span,
            "nothing declares it",
        );
        self.report(match meant {
            Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(name.span, meant),
            None => error.help(format!(
                "declare it: `stock {}: UNIT = 0`; what comes from outside the model flows from `cloud`",
                quoted(&name.text)
            )),
        });
        self.unknown(name);
    }

    pub(super) fn clauses(&mut self, clauses: &'a [ast::Clause]) -> (Timing, Option<ShortKind>) {
        let (mut timing, mut short) = (Timing::Missing, None);
        for clause in clauses {
            let new = match &clause.kind {
                ast::ClauseKind::Short(kind) => {
                    short = Some(*kind);
                    continue;
                }
                ast::ClauseKind::At(t) => Timing::At(self.expr(t)),
                ast::ClauseKind::Every { period, from, to } => {
                    let period = self.expr(period);
                    let from = from.as_ref().map(|e| self.expr(e));
                    Timing::Every { period, from, to: to.as_ref().map(|e| self.expr(e)) }
                }
                ast::ClauseKind::When { condition, once } => {
                    Timing::When { condition: self.expr(condition), once: *once }
                }
                ast::ClauseKind::EachStep => Timing::Always,
            };
            if !matches!(timing, Timing::Missing) {
                let error =
                    Diagnostic::new(Code::E0408, "a transfer has one time", clause.span, "this is a second one")
                        .help("write a transfer for each");
                self.report(error);
            }
            timing = new;
        }
        (timing, short)
    }

    pub(super) fn conserve(
        &mut self,
        unit: &'a ast::Name,
        total: Option<&'a ast::Expr>,
        except: &'a [(ast::Name, Option<ast::Name>)],
        span: Span,
    ) {
        let total = total.map(|e| self.expr(e));
        let mut names = Vec::new();
        for (name, population) in except {
            match population {
                Some(word) => self.not_yet("an exception for births or deaths", word.span),
                None => names.push((name.text.clone(), name.span)),
            }
        }
        let Some(id) = self.unit_named(unit) else { return };
        self.model.conserves.push(Conserve { unit: id, unit_span: unit.span, total, except: names, span });
    }
}
