//! The table of codes: one line each, with the title that `flowc explain` lists.

use std::fmt;

use super::Severity;

macro_rules! codes {
    ($($code:ident $title:literal)*) => {
        /// A kind of mistake.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Code { $(#[doc = $title] $code),* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &'static [Code] = &[$(Code::$code),*];

            /// Its name, such as `E0301`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => stringify!($code)),* }
            }

            /// What it is about, in a few words.
            pub fn title(self) -> &'static str {
                match self { $(Code::$code => $title),* }
            }

            /// The page that explains it, in Markdown.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("explain/", stringify!($code), ".md"))),* }
            }
        }
    };
}

codes! {
    E0001 "unexpected text"
    E0002 "a character that the language does not know"
    E0003 "a number that is not one"
    E0004 "a text or name that is never closed"
    E0005 "a bracket without its partner"
    E0006 "nested too deeply"
    E0007 "a declaration without its keyword"
    E0008 "a text that cannot be read"
    E0009 "a date that is not one"
    E0090 "not yet"
    E0101 "a name that nothing declares"
    E0102 "a name declared twice"
    E0103 "a function that does not exist"
    E0104 "a name that is taken by the language"
    E0105 "a file that cannot be used"
    E0106 "files that use each other"
    E0107 "a label that its index does not have"
    E0108 "a label of several indexes"
    E0201 "a value of the wrong kind"
    E0202 "arguments that do not fit"
    E0203 "a name is wanted here"
    E0204 "a function that calls itself"
    E0205 "a value of the whole run, outside a metric"
    E0206 "a value that changes, where one of the run is wanted"
    E0207 "an array without its members, or the other way round"
    E0208 "a subscript that may lie outside"
    E0209 "an array value that does not name each member once"
    E0210 "a `match` that does not meet each case once"
    E0211 "nothing to take a value of"
    E0212 "an index that is none"
    E0213 "a curve whose points are no function"
    E0301 "two units that do not go together"
    E0302 "a value whose unit is not the one wanted"
    E0303 "an amount for a rate, or a rate for an amount"
    E0304 "a bare number: per what?"
    E0305 "a unit that nothing says"
    E0306 "a quantity as divisor, followed by a unit"
    E0307 "a power that is no plain number"
    E0308 "rounding that depends on the unit"
    E0309 "a percentage of nothing"
    E0310 "a unit that is none"
    E0311 "a unit that cannot be declared so"
    E0401 "a leak under `conserve`"
    E0402 "two ends of different units"
    E0403 "an end that holds nothing"
    E0404 "a flow that moves nothing"
    E0405 "an opening total that is off"
    E0406 "an exception to `conserve` that is none"
    E0407 "a value that starts out of its bounds"
    E0408 "a transfer without its time"
    E0409 "a `conserve` that guards nothing"
    E0410 "a declaration that stands in no phase, or must not"
    E0411 "a split of shares and amounts"
    E0412 "a split that does not add up"
    E0413 "a way of moving that contradicts itself"
    E0414 "an update of what has no update"
    E0415 "a policy without its options"
    E0501 "values that depend on each other in one instant"
    E0502 "a model without a clock"
    E0503 "a span that is no whole number of steps"
    E0504 "a clock that cannot run"
    E0505 "a flow that has not moved yet"
    E0506 "a time that cannot be planned"
    E0507 "a run too large"
    E0508 "a date where the clock has no dates"
    E0509 "a series that does not cover the run"
    E0510 "phases in a clock of stages"
    E0601 "a draw without its cadence"
    E0602 "a distribution that does not exist"
    E0603 "arguments that no form of a distribution has"
    E0604 "a distribution from which nothing can be drawn"
    E0605 "a distribution where a value is wanted"
    E0606 "odds or parts without their index"
    E0607 "a count of what is not counted"
    E0608 "two draws with the same luck"
    E0701 "an entity that does not exist"
    E0702 "what belongs outside an entity"
    E0703 "an attribute that does not exist"
    E0704 "a pick from what does not live"
    E0705 "a route of what a member does not hold"
    E0706 "all members where one is wanted"
    E0707 "what members have, where no member is"
    E0708 "a trait outside of all entities"
    E0710 "a newborn that reads what is not there yet"
    E0711 "an opening that reads who is not born yet"
    E0712 "a stock that would be lost with its member"
    E0713 "a newborn's stock that comes from nowhere"
    E0714 "a member that may be gone"
    E0716 "a population under `rk2` or `rk4`"
    E0717 "an array over what lives, outside its entity"
    E0801 "a setting that sets nothing"
    E0802 "a scenario that is not there"
    E0803 "a goal that cannot be judged"
    E0804 "an `expect` that cannot be judged"
    E0805 "an experiment that is not there"
    E0806 "a sweep of nothing"
    E0807 "a value that is set from two sides"
    E0808 "a zip of unequal lengths"
    E0809 "a value that an experiment has to know"
    E0810 "a count that is none"
    E0811 "an experiment that says something twice"
    E0812 "an experiment too large"
    E0813 "a measure that is no metric"
    E0814 "a way of sampling that is none"
    E0901 "a stock holds too little"
    E0902 "a flow ran backward"
    E0903 "a value that is no number"
    E0904 "a value out of its bounds"
    E0905 "an assertion that does not hold"
    E0906 "the ledger does not balance"
    E0907 "a split that is off"
    E0908 "a draw that cannot be made"
    E0909 "a run without its column"
    E0910 "more members than may live"
    E0911 "a birth that cannot be"
    E1001 "a table that cannot be read"
    E1002 "a column that is not there"
    E1003 "a cell that is not what its column holds"
    E1004 "a table that misses or doubles a member"
    E1005 "times that do not increase"
    E1006 "a row that no row of a run is compared with"
    W0101 "a name that nothing reads"
    W0102 "a param that no assumption is about"
    W0301 "a division that reads two ways"
    W0401 "a stock that nothing touches"
    W0502 "a rate that empties its stock within one step"
    W0503 "an instant between two steps"
    W0504 "an instant that no run reaches"
    W0505 "a limited flow under `rk2` or `rk4`"
    W0506 "a flow of chance under `rk2` or `rk4`"
    W0601 "`each step` with a step that is not 1"
    W0701 "an entity of which none is born"
    W0801 "runs that are all the same"
    W0802 "samples of nothing"
}

impl Code {
    /// The code of this name, in any case of letters.
    pub fn parse(name: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|c| c.name().eq_ignore_ascii_case(name))
    }

    /// Error or warning, by the first letter.
    pub fn severity(self) -> Severity {
        if self.name().starts_with('W') { Severity::Warning } else { Severity::Error }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
