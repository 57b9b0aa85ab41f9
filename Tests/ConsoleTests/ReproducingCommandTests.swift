import Console
import Testing

@Suite("The command that makes a result again")
struct ReproducingCommandTests {
  @Test("Threads, --quiet and --json are left out, and odd words are quoted")
  func command() {
    let found = reproducingCommand(
      of: "tool",
      arguments: ["run", "--threads", "4", "--quiet", "a b", "it's", "", "--threads=2", "x=/y.z"])
    #expect(found == "tool run 'a b' 'it'\\''s' '' x=/y.z")
  }
}

@Suite("Use of the machine by others")
struct MachineUseTests {
  @Test("Busy time is everything but idle and waiting, in seconds")
  func busy() {
    let text = "cpu  100 20 30 5000 700 1 2 3 40 0\ncpu0 1 2 3 4\n"
    #expect(MachineUse.busySeconds(inStat: text, ticksPerSecond: 100) == 1.56)
    #expect(MachineUse.busySeconds(inStat: "nonsense", ticksPerSecond: 100) == nil)
    #expect(MachineUse.busySeconds(inStat: "", ticksPerSecond: 100) == nil)
    let processor = "processor\t: 0\nmodel name\t: Some CPU @ 2.1: GHz\n\nmodel name\t: other"
    #expect(MachineUse.name(inCPUInfo: processor) == "Some CPU @ 2.1: GHz")
    #expect(MachineUse.name(inCPUInfo: "processor : 0") == nil)
  }
}
