//! The cases, and their list.

pub mod answers;
pub mod draining;
pub mod executors;
pub mod files;
pub mod hosts;
pub mod launching;
pub mod offering;
pub mod operating;
pub mod reconciling;
pub mod subscribing;
pub mod updating;

/// Makes a test of every case, on a stage that `$stage` starts with so many agents.
#[macro_export]
macro_rules! every_case {
    ($stage:path) => {
        $crate::named! { $stage;
            answers {
                refusals_come_in_the_order_of_the_checks (1),
                who_is_not_subscribed_may_not_call (1),
            }
            subscribing {
                subscribed_comes_first_and_then_a_heartbeat (1),
                an_id_that_nobody_knows_is_taken_at_its_word (1),
                a_framework_that_was_torn_down_is_told_so (1),
                the_second_subscriber_wins_and_the_first_is_told (1),
                what_is_wrong_with_a_framework_is_an_error_event (1),
            }
            offering {
                an_offer_has_what_one_agent_has_for_one_role (2),
                a_declined_agent_is_offered_to_others_and_again_after_a_revive (1),
                what_is_suppressed_is_not_offered_until_it_is_revived (1),
                an_accept_without_operations_is_a_decline (1),
                offers_that_are_not_good_drop_their_tasks (2),
                a_task_that_cannot_be_is_an_error (2),
            }
            launching {
                a_task_starts_runs_and_is_killed (1),
                a_task_ends_in_the_state_that_its_executor_says (1),
                tasks_of_one_executor_run_in_one_process (1),
                a_task_that_is_killed_before_its_executor_came_was_never_started (1),
                messages_go_both_ways (1),
            }
            updating {
                an_update_waits_for_the_acknowledgement_of_the_one_before (1),
                an_acknowledgement_of_something_else_changes_nothing (1),
                what_was_not_acknowledged_is_sent_to_the_next_subscription (1),
                a_kill_of_another_agent_or_an_unknown_task_kills_nothing (1),
            }
            reconciling {
                each_kind_of_task_has_its_answer (2),
                an_empty_list_asks_for_everything (1),
            }
            executors {
                an_executor_that_dies_fails_its_tasks (1),
                an_executor_that_is_shut_down_ends_its_tasks (1),
                calls_of_executors_are_checked (1),
                a_teardown_ends_the_executors (1),
            }
            hosts {
                an_agent_that_is_not_heard_is_unreachable_and_comes_back (2),
                what_ended_meanwhile_is_told_on_return (1),
            }
            operating {
                an_operator_sees_agents_frameworks_and_tasks (2),
                an_agent_that_is_marked_gone_takes_its_tasks_with_it (2),
            }
            draining {
                an_agent_that_is_drained_is_emptied_and_taken_back (2),
                an_agent_that_is_deactivated_keeps_its_tasks (2),
                an_agent_that_is_drained_for_good_is_gone (2),
                what_is_asked_of_agents_is_checked (1),
            }
            files {
                a_sandbox_is_read_and_nothing_beside_it (1),
            }
        }
    };
}

#[doc(hidden)]
#[macro_export]
macro_rules! named {
    ($stage:path; $($group:ident { $($case:ident ($agents:literal)),* $(,)? })*) => {
        $( mod $group { $(
            #[tokio::test]
            async fn $case() {
                let stage = $stage($agents).await;
                lathe_conformance::cases::$group::$case(&stage).await;
            }
        )* } )*
    };
}
