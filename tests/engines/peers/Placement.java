import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.netflix.fenzo.ConstraintEvaluator;
import com.netflix.fenzo.SchedulingResult;
import com.netflix.fenzo.TaskAssignmentResult;
import com.netflix.fenzo.TaskRequest;
import com.netflix.fenzo.TaskScheduler;
import com.netflix.fenzo.TaskTrackerState;
import com.netflix.fenzo.VMAssignmentResult;
import com.netflix.fenzo.VirtualMachineCurrentState;
import com.netflix.fenzo.VirtualMachineLease;
import com.netflix.fenzo.plugins.BinPackingFitnessCalculators;
import java.io.File;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.apache.mesos.Protos;

/**
 * Placement by Fenzo: greedy, task by task, with an evaluator of its own for `never` on a host.
 *
 * <p>{@code Placement QUESTIONS ANSWERS}: a question a line, an answer a line, both JSON, of the form of
 * placement.py. Other hard words than {@code never} are refused; soft ones are left out. An answer:
 * {"verdict": "feasible" | "partial", "placed", "ms", "breaches"}; `ms` is the third call for the same
 * question, after two that warm the compiler up.
 */
public final class Placement {
  private static final int WARM_UPS = 2;

  /** What a task says, for all of its instances. */
  private static final class Kind {
    final double cpus;
    final double mem;
    final double disk;
    final int ports;
    final Set<String> tags = new HashSet<>();
    final Set<String> never = new HashSet<>();

    Kind(JsonNode task) {
      JsonNode resources = task.get("resources");
      cpus = resources.get("cpus").asDouble() / 1000;
      mem = resources.get("mem").asDouble() / (1 << 20);
      disk = resources.get("disk").asDouble() / (1 << 20);
      ports = resources.get("ports").size();
      task.get("tags").forEach(tag -> tags.add(tag.asText()));
      String path = "";
      for (String part : task.get("name").asText().split("\\.")) {
        path = path.isEmpty() ? part : path + "." + part;
        tags.add(path);
      }
      for (JsonNode bias : task.get("biases")) {
        String word = bias.get(1).asText();
        if (word.equals("never") && bias.size() == 2) {
          never.add(bias.get(0).asText());
        } else if (word.equals("never") || word.equals("always")) {
          throw new IllegalArgumentException("not asked of Fenzo: " + bias);
        }
      }
    }

    boolean bears(Kind other) {
      return Collections.disjoint(never, other.tags) && Collections.disjoint(other.never, tags);
    }
  }

  /** Neither is there anything that the newcomer says never to, nor anything that says so of it. */
  private static final ConstraintEvaluator NEVER =
      new ConstraintEvaluator() {
        @Override
        public String getName() {
          return "never";
        }

        @Override
        public Result evaluate(
            TaskRequest request, VirtualMachineCurrentState host, TaskTrackerState tracker) {
          Kind kind = ((Instance) request).kind;
          for (TaskAssignmentResult there : host.getTasksCurrentlyAssigned()) {
            if (!kind.bears(((Instance) there.getRequest()).kind)) {
              return new Result(false, "never");
            }
          }
          return new Result(true, "");
        }
      };

  private static final class Instance implements TaskRequest {
    final Kind kind;
    private final String id;
    private AssignedResources assigned;

    Instance(Kind kind, String id) {
      this.kind = kind;
      this.id = id;
    }

    @Override
    public String getId() {
      return id;
    }

    @Override
    public String taskGroupName() {
      return "";
    }

    @Override
    public double getCPUs() {
      return kind.cpus;
    }

    @Override
    public double getMemory() {
      return kind.mem;
    }

    @Override
    public double getNetworkMbps() {
      return 0;
    }

    @Override
    public double getDisk() {
      return kind.disk;
    }

    @Override
    public int getPorts() {
      return kind.ports;
    }

    @Override
    public Map<String, Double> getScalarRequests() {
      return Collections.emptyMap();
    }

    @Override
    public Map<String, NamedResourceSetRequest> getCustomNamedResources() {
      return Collections.emptyMap();
    }

    @Override
    public List<? extends ConstraintEvaluator> getHardConstraints() {
      return kind.never.isEmpty() ? Collections.emptyList() : Collections.singletonList(NEVER);
    }

    @Override
    public List<? extends com.netflix.fenzo.VMTaskFitnessCalculator> getSoftConstraints() {
      return Collections.emptyList();
    }

    @Override
    public void setAssignedResources(AssignedResources resources) {
      assigned = resources;
    }

    @Override
    public AssignedResources getAssignedResources() {
      return assigned;
    }
  }

  private static final class Lease implements VirtualMachineLease {
    private final String name;
    private final double cpus;
    private final double mem;
    private final double disk;
    private final List<Range> ports = new ArrayList<>();

    Lease(JsonNode host) {
      name = host.get("name").asText();
      JsonNode resources = host.get("resources");
      cpus = resources.get("cpus").asDouble() / 1000;
      mem = resources.get("mem").asDouble() / (1 << 20);
      disk = resources.get("disk").asDouble() / (1 << 20);
      resources
          .get("ports")
          .forEach(range -> ports.add(new Range(range.get(0).asInt(), range.get(1).asInt())));
    }

    @Override
    public String getId() {
      return name;
    }

    @Override
    public long getOfferedTime() {
      return System.currentTimeMillis();
    }

    @Override
    public String hostname() {
      return name;
    }

    @Override
    public String getVMID() {
      return name;
    }

    @Override
    public double cpuCores() {
      return cpus;
    }

    @Override
    public double memoryMB() {
      return mem;
    }

    @Override
    public double networkMbps() {
      return 0;
    }

    @Override
    public double diskMB() {
      return disk;
    }

    @Override
    public List<Range> portRanges() {
      return ports;
    }

    @Override
    public Protos.Offer getOffer() {
      return null;
    }

    @Override
    public Map<String, Protos.Attribute> getAttributeMap() {
      return Collections.emptyMap();
    }

    @Override
    public Double getScalarValue(String name) {
      return 0.0;
    }

    @Override
    public Map<String, Double> getScalarValues() {
      return Collections.emptyMap();
    }
  }

  private static String answer(JsonNode question) {
    SchedulingResult result = null;
    double ms = 0;
    int wanted = 0;
    for (int turn = 0; turn <= WARM_UPS; turn++) {
      List<Instance> instances = new ArrayList<>();
      for (JsonNode task : question.get("tasks")) {
        Kind kind = new Kind(task);
        for (int slot = 0; slot < task.get("tasks").asInt(); slot++) {
          instances.add(new Instance(kind, task.get("name").asText() + "#" + slot));
        }
      }
      List<VirtualMachineLease> leases = new ArrayList<>();
      question.get("hosts").forEach(host -> leases.add(new Lease(host)));
      wanted = instances.size();
      TaskScheduler scheduler =
          new TaskScheduler.Builder()
              .withLeaseOfferExpirySecs(1_000_000)
              .withLeaseRejectAction(lease -> {})
              .withFitnessCalculator(BinPackingFitnessCalculators.cpuMemBinPacker)
              .build();
      long begin = System.nanoTime();
      result = scheduler.scheduleOnce(instances, leases);
      ms = (System.nanoTime() - begin) / 1e6;
      scheduler.shutdown();
    }
    int placed = 0;
    int breaches = 0;
    for (VMAssignmentResult host : result.getResultMap().values()) {
      List<Kind> there = new ArrayList<>();
      for (TaskAssignmentResult one : host.getTasksAssigned()) {
        Kind kind = ((Instance) one.getRequest()).kind;
        breaches += (int) there.stream().filter(other -> !kind.bears(other)).count();
        there.add(kind);
      }
      placed += there.size();
    }
    return String.format(
        java.util.Locale.ROOT,
        "{\"verdict\": \"%s\", \"placed\": %d, \"ms\": %.3f, \"breaches\": %d}",
        placed == wanted ? "feasible" : "partial",
        placed,
        ms,
        breaches);
  }

  public static void main(String[] args) throws Exception {
    ObjectMapper reader = new ObjectMapper();
    try (PrintWriter answers = new PrintWriter(new File(args[1]), "UTF-8")) {
      for (String line : Files.readAllLines(new File(args[0]).toPath())) {
        answers.println(answer(reader.readTree(line)));
        answers.flush();
      }
    }
    System.exit(0);
  }
}
