//! A rolling update of the app.

use crate::bed::{APP, Bed};
use crate::load::Load;

pub(crate) fn rolls(bed: &Bed, _: &Load) -> String {
    bed.kubectl(&["-n", "default", "rollout", "restart", APP]);
    bed.app_rolled_out();
    "3 pods, each with 5 s of preStop, behind the Service's name".to_owned()
}
