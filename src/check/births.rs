//! What births and deaths move, and what a newborn can read.
//!
//! A newborn's stock is filled from somewhere, and what a member holds when it retires goes somewhere: both are edges of the
//! ledger. A trait is worked out before stocks and states are, in the order of the declarations. Absent on purpose: whether
//! there is enough (a run knows), and references (see `living`).

use num_traits::Zero;

use super::constant::Fold;
use super::ledger::Ledger;
use super::living::{one, opens_with, short};
use super::shape::failed;
use crate::diag::{Code, Diagnostic, did_you_mean};
use crate::hir::{
    Conserve, Decl, DeclId, DeclKind, Descend, EntityId, ExprId, ExprKind, Life, Model, Move, Part, Place, PlaceKind,
    Retire, Timing,
};
use crate::source::{SourceMap, Span};
use crate::units::Dim;

/// What a newborn reads is there by then: the places of what is not.
pub(super) fn too_early(model: &Model, sources: &SourceMap, diagnostics: &mut Vec<Diagnostic>) -> Vec<Span> {
    let mut places = Vec::new();
    for (id, decl) in model.decls().filter(|(_, d)| d.entity.is_some()) {
        let found = opens_with(model, decl).into_iter().find_map(|e| missing(model, id, e, &mut Vec::new()));
        let Some((e, what)) = found else { continue };
        places.push(model.expr(e).span);
        diagnostics.push(before_its_birth(model, sources, (id, decl), e, what));
    }
    places
}

/// What an expression reads of the newborn itself that is not there yet, and where it does.
fn missing(model: &Model, of: DeclId, e: ExprId, lets: &mut Vec<DeclId>) -> Option<(ExprId, DeclId)> {
    let decl = model.decl(of);
    let is_trait = matches!(decl.kind, DeclKind::Trait(_));
    let mut found = None;
    model.reads(e, |e, _| {
        let own = |id: &DeclId| model.decl(*id).entity == decl.entity && !model.of_another(e);
        let Some(id) = model.named(e).filter(own) else { return Descend::Into };
        let other = model.decl(id);
        let late = match &other.kind {
            DeclKind::Trait(_) => is_trait && id >= of,
            DeclKind::Stock { .. } | DeclKind::State { .. } => is_trait,
            DeclKind::Let { .. } if other.phase.is_some() => true,
            DeclKind::Let { value } if !lets.contains(&id) => {
                lets.push(id);
                let through = missing(model, of, *value, lets).map(|(_, what)| what);
                if let (Some(what), None) = (through, found) {
                    found = Some((e, what));
                }
                false
            }
            DeclKind::Draw(_) | DeclKind::Move(_) | DeclKind::Trade(_) => true,
            _ => false,
        };
        if late && found.is_none() {
            found = Some((e, id));
        }
        if found.is_some() { Descend::Stop } else { Descend::Into }
    });
    found
}

fn before_its_birth(
    model: &Model,
    sources: &SourceMap,
    (id, decl): (DeclId, &Decl),
    e: ExprId,
    what: DeclId,
) -> Diagnostic {
    let (name, other) = (short(model, id), model.decl(what));
    let read = short(model, what);
    let span = model.expr(e).span;
    let line = sources.position(other.span).map_or(0, |(line, _)| line);
    let through = model.named(e).filter(|id| *id != what);
    let label = match through {
        Some(by) => format!("`{}` reads `{read}`, declared in line {line}", short(model, by)),
        None => format!("declared in line {line}"),
    };
    let itself = what == id;
    let fact = match (&other.kind, itself) {
        (_, true) => format!("the trait `{name}` reads itself"),
        (DeclKind::Trait(_), _) => format!("the trait `{name}` reads `{read}`, which comes after it"),
        (DeclKind::Stock { .. } | DeclKind::State { .. }, _) => {
            format!("the trait `{name}` reads the {} `{read}`, which opens after it", other.word)
        }
        _ => format!("`{name}` reads the {} `{read}` before the member is born", other.word),
    };
    let error = Diagnostic::new(Code::E0710, fact, span, label);
    match &other.kind {
        _ if itself => error.help("a trait is a formula of earlier traits and the model"),
        DeclKind::Trait(_) => error.help(format!("write `trait {read}` before `trait {name}`")),
        DeclKind::Stock { .. } | DeclKind::State { .. } if through.is_none() => error
            .help(format!("what changes is a `let` or a `state`: `let {name} = …`; or let both read the same trait")),
        DeclKind::Stock { .. } | DeclKind::State { .. } => error.help(format!("let `{name}` be a `let` or a `state`")),
        _ if decl.word == "trait" => error
            .help("a trait is a formula of earlier traits and the model; what is drawn once is a trait, `trait x ~ …`"),
        _ => error.help("it opens with what its traits and the model say; what happens in a step comes later"),
    }
}

impl Ledger<'_> {
    /// Where what newborns open with comes from, and where what the retired hold goes.
    pub(super) fn life(&mut self, fold: &mut Fold) {
        for (id, decl) in self.model.decls() {
            if let (DeclKind::Stock { opening, from, .. }, Some(_)) = (&decl.kind, decl.entity) {
                self.newborn(fold, id, decl, *opening, from.as_ref());
            }
        }
        for (number, retire) in self.model.retires.iter().enumerate() {
            self.retirement(fold, number, retire);
        }
    }

    /// Whether a newborn's stock opens with nothing, for all its members.
    fn opens_empty(&self, fold: &mut Fold, id: DeclId, opening: ExprId) -> bool {
        let mut env = fold.env();
        let Some(shape) = self.facts.shape(id) else { return false };
        (0..shape.len).all(|at| fold.bound(id, &shape.members(at), opening, &mut env).is_some_and(|v| v.is_zero()))
    }

    fn newborn(&mut self, fold: &mut Fold, id: DeclId, decl: &Decl, opening: ExprId, from: Option<&Place>) {
        let name = short(self.model, id);
        let span = self.model.expr(opening).span;
        let Some(from) = from else {
            if !self.opens_empty(fold, id, opening)
                && !failed(self.model, self.facts, opening)
                && self.dim(id).is_some()
            {
                let entity = decl.entity.map_or("", |e| &self.model.entities[e.0 as usize].name);
                let unit = self.show(id);
                let stocks = self.model.decls().filter(|(other, d)| {
                    let stock = matches!(d.kind, DeclKind::Stock { .. }) && d.entity.is_none() && d.axes.is_empty();
                    stock && self.dim(*other) == self.dim(id)
                });
                let stock = stocks.map(|(_, d)| format!(", or `from {}`", d.name)).next().unwrap_or_default();
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::E0713,
                        format!("each {entity} that is born would make {unit} out of nothing"),
                        span,
                        format!("`{name}` opens with this, and nothing says where it comes from"),
                    )
                    .help(format!("say where it is taken: `from cloud`, which is outside the model{stock}"))
                    .fix(span.after(), " from cloud"),
                );
            }
            return;
        };
        let PlaceKind::Decl(source) = from.kind else { return };
        let other = self.model.decl(source);
        let text = self.sources.text(from.span);
        if source == id && !self.of_another_member(from, decl.entity) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0404,
                    format!("`{name}` would be filled from itself"),
                    from.span,
                    "it is empty before the member is born",
                )
                .help("take it from another stock, or from `cloud`"),
            );
        } else if other.entity == decl.entity && !self.of_another_member(from, decl.entity) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0404,
                    format!("`{name}` would be filled from the newborn's own `{text}`"),
                    from.span,
                    "it opens at the same time",
                )
                .help(format!("let `{text}` open with less, and take both from one place")),
            );
        } else if self.stock(from).is_none() && !matches!(other.kind, DeclKind::Unknown) {
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0403,
                    format!("`{}` is a {}, and nothing can be taken from it", other.name, other.word),
                    from.span,
                    "a newborn's stock is filled from here",
                )
                .label(other.span, format!("`{}` is declared here", other.name))
                .help("name a `stock`, or `cloud`"),
            );
        } else if let (Some(mine), Some(its)) = (self.dim(id), self.dim(source))
            && mine != its
        {
            let (mine, its) = (self.show(id), self.show(source));
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0402,
                    format!("`{name}` holds {mine}, and would be filled with {its}"),
                    from.span,
                    format!("`{text}` holds {its}"),
                )
                .help(format!("take it from a stock of {mine}, or from `cloud`")),
            );
        }
    }

    /// Whether a place is a stock of another member of the entity.
    fn of_another_member(&self, place: &Place, entity: Option<EntityId>) -> bool {
        let me = entity.map(|e| self.model.entities[e.0 as usize].me);
        let own = |e: &ExprId| matches!(self.model.expr(*e).kind, ExprKind::Member(b) if Some(b) == me);
        !place.at.first().is_some_and(own)
    }

    /// Every stock of a member that retires goes somewhere, once.
    fn retirement(&mut self, fold: &mut Fold, number: usize, retire: &Retire) {
        let entity = &self.model.entities[retire.entity.0 as usize];
        let routed = |id: DeclId| retire.routes.iter().any(|(place, ..)| place.kind == PlaceKind::Decl(id));
        let own = || self.model.decls().filter(|(_, d)| d.entity == Some(retire.entity));
        let unread = own().any(|(_, d)| d.word == "stock" && matches!(d.kind, DeclKind::Unknown));
        // Nor where a route could not be read.
        let unread = unread || retire.routes.iter().any(|(place, ..)| place.kind == PlaceKind::Unknown);
        let stocks = own().filter(|(id, d)| matches!(d.kind, DeclKind::Stock { .. }) && !routed(*id));
        let lost: Vec<DeclId> = stocks.map(|(id, _)| id).collect();
        if let (Some(first), false) = (lost.first(), unread) {
            let names: Vec<String> = lost.iter().map(|id| format!("`{}`", short(self.model, *id))).collect();
            let routes: Vec<String> = lost.iter().map(|id| format!("{} -> cloud", short(self.model, *id))).collect();
            let whole = self.sources.text(retire.span);
            let mended = match whole.strip_suffix('}').filter(|_| !retire.routes.is_empty()) {
                Some(before) => format!("{}; {} }}", before.trim_end(), routes.join("; ")),
                None => {
                    format!("{} {{ {} }}", whole.trim_end().trim_end_matches(['{', '}']).trim_end(), routes.join("; "))
                }
            };
            self.diagnostics.push(
                Diagnostic::new(
                    Code::E0712,
                    format!("{} that retires would take its {} with it", one(&entity.name), names.join(" and ")),
                    retire.span,
                    "nothing says where it goes",
                )
                .label(self.model.decl(*first).span, format!("it may hold {} then", self.show(*first)))
                .help(format!("say so, to a stock or to `cloud`: `{{ {} }}`", routes.join("; ")))
                .fix(retire.span, mended),
            );
        }
        for (i, (from, to, span)) in retire.routes.iter().enumerate() {
            let PlaceKind::Decl(stock) = from.kind else { continue };
            if self.stock(from).is_none() {
                let decl = self.model.decl(stock);
                if !matches!(decl.kind, DeclKind::Unknown) {
                    self.diagnostics.push(
                        Diagnostic::new(
                            Code::E0705,
                            format!("`{}` is a {}, and holds nothing", short(self.model, stock), decl.word),
                            from.span,
                            "a route says where a stock of the member goes",
                        )
                        .help("leave it out: what is no stock ends with the member"),
                    );
                }
                continue;
            }
            if let Some((first, ..)) = retire.routes[..i].iter().find(|(p, ..)| p.kind == from.kind) {
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::E0712,
                        format!("two routes say where `{}` goes", short(self.model, stock)),
                        *span,
                        "a second one",
                    )
                    .label(first.span, "the first")
                    .help("keep one, or split it: `{ supply -> { treasury: 40%; holders: rest } }`"),
                );
                continue;
            }
            let amounts = self.facts.routes.get(number).and_then(|r| r.get(i)).copied().unwrap_or(true);
            self.route(fold, retire, (stock, from), to, amounts);
        }
    }

    fn route(&mut self, fold: &mut Fold, retire: &Retire, (stock, from): (DeclId, &Place), to: &[Part], amounts: bool) {
        let decl = self.model.decl(stock);
        for part in to {
            let place = &part.place;
            self.end(decl, place);
            let own = self.stock(place).is_some_and(|id| self.model.decl(id).entity == Some(retire.entity))
                && !self.of_another_member(place, Some(retire.entity));
            if own {
                let name = &self.model.entities[retire.entity.0 as usize].name;
                self.diagnostics.push(
                    Diagnostic::new(
                        Code::E0712,
                        format!("`{}` would go to a stock of the {name} that retires", short(self.model, stock)),
                        place.span,
                        "it ends with the member",
                    )
                    .help("let it go to a stock of the model, to another member, or to `cloud`"),
                );
                return;
            }
            if self.stock(place).is_some() && self.two_units(stock, decl, from, place) {
                return;
            }
        }
        let m = as_move(retire, from, to);
        if m.is_split() && !amounts {
            self.shares(fold, stock, decl, &m);
        }
    }

    /// Births and deaths that cross the boundary for this dimension.
    pub(super) fn lives(&mut self, conserve: &Conserve, dim: &Dim, unit: &str, fold: &mut Fold) {
        for except in conserve.except.iter().filter(|e| e.life.is_some()) {
            let names = || self.model.entities.iter().map(|e| e.name.as_str());
            if names().any(|n| n == except.name) || self.model.incomplete.names {
                continue;
            }
            let error = Diagnostic::new(
                Code::E0406,
                format!("there is no entity `{}` to except", except.name),
                except.span,
                "nothing is born or retires here",
            );
            self.diagnostics.push(match did_you_mean(&except.name, names()) {
                Some(meant) => error.help(format!("did you mean `{meant}`?")).fix(except.span, meant),
                None => error.help("remove it: an exception that excepts nothing hides a mistake later"),
            });
        }
        for (number, entity) in self.model.entities.iter().enumerate() {
            let id = EntityId(number as u32);
            for life in [Life::Births, Life::Deaths] {
                let word = life.word();
                let excepted = conserve.except.iter().find(|e| e.life == Some(life) && e.name == entity.name);
                let crossing = self.crossing(fold, id, life, dim);
                match (crossing, excepted) {
                    (Some((place, stock)), None) => {
                        let makes = life == Life::Births;
                        let fact = match makes {
                            true => format!("each {} that is born makes {unit} out of nothing", entity.name),
                            false => format!("each {} that retires lets {unit} vanish", entity.name),
                        };
                        let stock = self.model.decl(stock);
                        let written = self.sources.text(conserve.span);
                        let more = if conserve.except.is_empty() { " except" } else { "," };
                        self.diagnostics.push(
                            Diagnostic::new(
                                Code::E0401,
                                format!("{fact}, and {unit} is conserved"),
                                place,
                                "this is outside the model",
                            )
                            .label(stock.span, format!("`{}` holds {unit}", stock.name))
                            .label(conserve.span, format!("{unit} is conserved here"))
                            .help(format!(
                                "name a stock of the model, or allow it: `{written}{more} {} {word}`",
                                entity.name
                            ))
                            .fix(conserve.span.after(), format!("{more} {} {word}", entity.name)),
                        );
                    }
                    (None, Some(except)) => self.diagnostics.push(
                        Diagnostic::new(
                            Code::E0406,
                            format!("the {word} of `{}` move no {unit} across the boundary", entity.name),
                            except.span,
                            "nothing to except",
                        )
                        .help("remove it: an exception that excepts nothing hides a mistake later"),
                    ),
                    _ => {}
                }
            }
        }
    }

    /// The cloud from which newborns are filled, or to which the retired go, and the stock.
    fn crossing(&self, fold: &mut Fold, entity: EntityId, life: Life, dim: &Dim) -> Option<(Span, DeclId)> {
        let cloud = |p: &Place| p.kind == PlaceKind::Cloud;
        if life == Life::Births {
            let mut stocks =
                self.model.decls().filter(|(id, d)| d.entity == Some(entity) && self.dim(*id) == Some(dim));
            return stocks.find_map(|(id, d)| match &d.kind {
                DeclKind::Stock { opening, from: Some(from), .. }
                    if cloud(from) && !self.opens_empty(fold, id, *opening) =>
                {
                    Some((from.span, id))
                }
                _ => None,
            });
        }
        let routes = self.model.retires.iter().filter(|r| r.entity == entity).flat_map(|r| &r.routes);
        routes.into_iter().find_map(|(from, to, _)| {
            let stock = self.stock(from).filter(|id| self.dim(*id) == Some(dim))?;
            let ends = to.iter().flat_map(|p| std::iter::once(&p.place).chain(p.place.otherwise.as_deref()));
            ends.into_iter().find(|p| cloud(p)).map(|p| (p.span, stock))
        })
    }
}

/// A route as a transfer, with what a split is asked for.
pub(super) fn as_move(retire: &Retire, from: &Place, to: &[Part]) -> Move {
    Move {
        flow: false,
        two_way: false,
        from: from.clone(),
        to: to.to_vec(),
        amount: retire.when,
        short: None,
        timing: Timing::Always,
        trade: None,
    }
}
