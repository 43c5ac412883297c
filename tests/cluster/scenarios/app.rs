//! A rolling update of the app.

use crate::bed::Bed;
use crate::load::Load;

pub(crate) fn rolls(bed: &Bed, _: &Load) -> String {
    bed.kubectl(&["-n", "default", "rollout", "restart", "deployment/crystal-www-example"]);
    bed.kubectl(&["-n", "default", "rollout", "status", "deployment/crystal-www-example", "--timeout=120s"]);
    "3 pods, each with 5 s of preStop, behind the Service's name".to_owned()
}
