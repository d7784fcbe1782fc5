//! What lives, as data: entities, how their members come and go, and what of that crosses the boundary.
//!
//! In: nothing. Out: what `entity` makes of the text. Invariant: what an entity declares has its members as first axis. Absent
//! on purpose: how many members there are; a run knows that.

use super::{BinderId, DeclId, Dist, EntityId, ExprId, IndexId, Model, Part, Place, SpawnKind};
use crate::source::Span;

/// `entity …`: an index whose members are born and retire. What it declares is an array over them: their first axis is
/// [`Entity::me`], by which a bare name inside means that of the member itself.
#[derive(Debug)]
pub struct Entity {
    /// Its name.
    pub name: String,
    /// Where the name stands.
    pub span: Span,
    /// The whole declaration.
    pub whole: Span,
    /// Its index: a reference to a member has the index as its type.
    pub index: IndexId,
    /// The member that its declarations are about.
    pub me: BinderId,
    /// The declaration of its name: how many members are alive.
    pub population: DeclId,
    /// `at most`
    pub limit: Option<ExprId>,
    /// What it declares, in the order of the text.
    pub decls: Vec<DeclId>,
}

/// `spawn …`
#[derive(Debug)]
pub struct Spawn {
    /// Who is born.
    pub entity: EntityId,
    /// How many; of the model.
    pub count: ExprId,
    /// When.
    pub how: SpawnKind,
    /// The whole declaration.
    pub span: Span,
}

/// `retire …`
#[derive(Debug)]
pub struct Retire {
    /// Who goes.
    pub entity: EntityId,
    /// When; of a member.
    pub when: ExprId,
    /// Where each stock goes, as the parts of a move, with the place of the route.
    pub routes: Vec<(Place, Vec<Part>, Span)>,
    /// The whole declaration.
    pub span: Span,
}

/// What a trait is, fixed at birth.
#[derive(Debug)]
pub enum Trait {
    /// A formula of earlier traits and the model.
    Formula(ExprId),
    /// A distribution.
    Drawn(Dist),
    /// `pick(a for a in A where …, weight: w)`: a reference to a living member.
    Pick {
        /// The candidate, with the filter.
        binder: BinderId,
        /// The candidate itself, as a value.
        who: ExprId,
        /// Without weights all are as likely.
        weight: Option<ExprId>,
    },
}

/// What a `conserve` lets through.
#[derive(Clone, Debug)]
pub struct Except {
    /// A flow or transfer, or an entity.
    pub name: String,
    /// Where it stands.
    pub span: Span,
    /// Of an entity: its births or its deaths.
    pub life: Option<Life>,
}

/// What crosses the boundary without a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// What newborns open with.
    Births,
    /// What those that retire hold.
    Deaths,
}

impl Life {
    /// As it is written.
    pub fn word(self) -> &'static str {
        match self {
            Life::Births => "births",
            Life::Deaths => "deaths",
        }
    }
}

impl Trait {
    /// The expressions that it is worked out from.
    pub fn parts(&self, model: &Model) -> Vec<ExprId> {
        match self {
            Trait::Formula(e) => vec![*e],
            Trait::Drawn(dist) => dist.args.clone(),
            Trait::Pick { binder, weight, .. } => model.binder(*binder).filter.iter().chain(weight).copied().collect(),
        }
    }
}
