//! From syntax to meaning: the edges of the ledger and what is conserved.

use super::resolve::{Meaning, Resolver, quoted};
use super::{BinderId, Conserve, DeclId, Move, Place, PlaceKind, ShortKind, Timing};
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::source::Span;
use crate::syntax::ast;

impl<'a> Resolver<'a> {
    pub(super) fn leg(
        &mut self,
        leg: &'a ast::Leg,
        axes: &[BinderId],
        flow: bool,
        short: Option<ShortKind>,
        timing: Timing,
    ) -> Option<Move> {
        let amount = self.value(&leg.amount, axes, None);
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
        let mut at = Vec::new();
        let kind = match &place.kind {
            ast::PlaceKind::Cloud => PlaceKind::Cloud,
            ast::PlaceKind::Name { name, subscripts } => match self.names.get(&name.text).map(|e| e.meaning) {
                Some(Meaning::Decl(id)) if subscripts.is_empty() && !self.model.decl(id).axes.is_empty() => {
                    self.bare_end(id, place.span);
                    PlaceKind::Unknown
                }
                Some(Meaning::Decl(id)) => match self.subscripts(id, subscripts, place.span) {
                    Some(found) => {
                        at = found;
                        PlaceKind::Decl(id)
                    }
                    None => PlaceKind::Unknown,
                },
                Some(Meaning::Unknown) => PlaceKind::Unknown,
                Some(Meaning::Index(_)) => {
                    let help = format!("declare stocks over it: `stock held[i in {}]: UNIT = 0`", name.text);
                    self.holds_nothing(&name.text, "an index", help, place.span)
                }
                Some(Meaning::Unit(_)) => {
                    let help = format!("declare a stock: `stock my_stock: {} = 0`", name.text);
                    self.holds_nothing(&name.text, "a unit", help, place.span)
                }
                None => {
                    self.unknown_stock(name);
                    PlaceKind::Unknown
                }
            },
            ast::PlaceKind::Member(..) => {
                self.not_yet("a stock of an entity", place.span);
                PlaceKind::Unknown
            }
        };
        Place { kind, at, span: place.span }
    }

    fn holds_nothing(&mut self, name: &str, what: &str, help: String, span: Span) -> PlaceKind {
        let error = Diagnostic::new(
            Code::E0403,
            format!("`{name}` is {what}, and holds nothing"),
            span,
            "an end of a flow is a stock or `cloud`",
        )
        .help(help);
        self.report(error);
        PlaceKind::Unknown
    }

    /// An end that is a whole array.
    fn bare_end(&mut self, id: DeclId, span: Span) {
        let decl = self.model.decl(id);
        let form = self.form(decl);
        let binders: Vec<String> = decl
            .axes
            .iter()
            .map(|b| {
                let binder = self.model.binder(*b);
                format!("{} in {}", binder.name, self.model.index(binder.index).name)
            })
            .collect();
        let error = Diagnostic::new(
            Code::E0207,
            format!("`{}` is an array, and a flow ends in one stock", decl.name),
            span,
            format!("declared in line {}", self.line(decl.span)),
        )
        .help(format!("say which member, `{form}`; a flow for each is `flow f[{}]: …`", binders.join(", ")));
        self.report(error);
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
