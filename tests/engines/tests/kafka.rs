//! Kafka: it serves, is killed, and comes back with what it kept.

use lathe_engines::{Kafka, KafkaSpec};

const TOPICS: &str = "org.apache.kafka.tools.TopicCommand";

#[tokio::test]
async fn a_broker_keeps_a_topic_over_its_kill() {
    let kafka = Kafka::start(&KafkaSpec::default()).await.unwrap();
    let address = kafka.address();
    let create = ["--create", "--topic", "kept", "--partitions", "3"];
    let created = kafka.tool(TOPICS, &create).await.unwrap();
    assert!(created.contains("Created topic kept"), "{created}");
    kafka.broker().kill().await.unwrap();
    kafka.restart().await.unwrap();
    assert_eq!(kafka.address(), address);
    let described = kafka.tool(TOPICS, &["--describe", "--topic", "kept"]).await.unwrap();
    assert!(described.contains("PartitionCount: 3"), "{described}");
    let refused = kafka.tool(TOPICS, &create).await.unwrap_err();
    assert!(refused.what.contains("already exists"), "{refused}");
    kafka.stop().await.unwrap();
    assert_eq!(kafka.broker().pid(), None);
}
