//! What is played, in this order.

mod app;
mod away;
mod edit;
mod end;
mod handover;
mod images;
mod leader;
mod memory;
mod nodes;
mod rollout;
mod story;

use crate::Scenario;

pub(crate) const ALL: &[Scenario] = &[
    Scenario {
        name: "every_node_answers_http_and_https_and_the_app_sees_who_asked",
        story: "the seed's story: app, Service, route, certificate from a Secret",
        play: story::every_node_answers,
    },
    Scenario {
        name: "an_edit_of_the_config_map_is_live_on_every_node_and_costs_nothing",
        story: "edit of the ConfigMap",
        play: edit::is_live_everywhere,
    },
    Scenario {
        name: "rolling_updates_of_gatepost_lose_no_request",
        story: "rolling updates of gatepost",
        play: rollout::loses_nothing,
    },
    Scenario {
        name: "an_image_that_crashes_stops_the_rollout_and_the_old_pods_serve_on",
        story: "new image that crashes",
        play: images::crashes,
    },
    Scenario {
        name: "an_image_that_is_never_ready_stops_the_rollout_and_the_old_pods_serve_on",
        story: "new image that hangs before it is ready",
        play: images::hangs,
    },
    Scenario {
        name: "a_pod_whose_settings_are_refused_stops_the_rollout_and_the_old_pods_serve_on",
        story: "new pod whose settings are refused",
        play: images::is_refused,
    },
    Scenario {
        name: "a_pod_without_its_capability_stops_the_rollout_and_the_old_pods_serve_on",
        story: "new pod that lacks permission",
        play: images::lacks_permission,
    },
    Scenario {
        name: "an_old_pod_killed_in_the_middle_of_a_hand_over_loses_only_what_it_had_in_hand",
        story: "old pod killed in the middle of a hand-over",
        play: handover::old_pod_killed,
    },
    Scenario {
        name: "a_new_pod_killed_right_after_a_hand_over_loses_only_what_it_had_in_hand",
        story: "new pod killed right after a hand-over",
        play: handover::new_pod_killed,
    },
    Scenario {
        name: "a_rolling_update_of_the_app_loses_no_request",
        story: "rolling update of the app",
        play: app::rolls,
    },
    Scenario {
        name: "a_cordoned_node_loses_its_record_and_gets_it_back",
        story: "node cordoned and drained",
        play: nodes::cordoned,
    },
    Scenario { name: "a_killed_node_loses_its_record_and_gets_it_back", story: "node killed", play: nodes::killed },
    Scenario {
        name: "a_partitioned_node_loses_its_record_and_gets_it_back",
        story: "node partitioned",
        play: nodes::partitioned,
    },
    Scenario { name: "when_the_leader_is_killed_another_leads", story: "leader killed", play: leader::killed },
    Scenario {
        name: "when_the_leader_is_stopped_another_leads_and_it_writes_no_more",
        story: "leader stopped for a while",
        play: leader::stopped,
    },
    Scenario {
        name: "when_the_leaders_node_is_partitioned_another_leads",
        story: "node of the leader partitioned",
        play: leader::partitioned,
    },
    Scenario {
        name: "with_the_api_server_away_a_pod_that_restarts_serves_what_its_node_has_stored",
        story: "API server down, a pod restarted meanwhile",
        play: away::api_server,
    },
    Scenario { name: "without_core_dns_known_services_are_found_on", story: "CoreDNS down", play: away::core_dns },
    Scenario {
        name: "idle_connections_and_large_uploads_fit_into_the_memory_of_the_pod",
        story: "limit of 64 MB, 2,000 idle connections, 8 uploads of 100 MB at once",
        play: memory::is_enough,
    },
    Scenario {
        name: "released_and_deleted_it_leaves_nothing_of_its_own_and_all_that_is_others",
        story: "`gatepost dns release`, then `kubectl delete -k`",
        play: end::leaves_nothing,
    },
];
