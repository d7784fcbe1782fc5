//! An experiment as a person reads it.

use super::Report;

impl Report<'_> {
    /// What came of it, in 100 columns; `seconds` is how long it took.
    pub fn text(&self, seconds: Option<f64>) -> String {
        let _ = seconds;
        format!("{}\n", self.plan.shape())
    }
}
