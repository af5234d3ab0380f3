package page

// Prometheus can read the metrics, and they say how the programs are.
//
// Not tested in this file: the page.

import (
	"fmt"
	"strings"
	"testing"

	"catena/internal/supervisord/rpc"
	"catena/internal/supervisord/serve"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
)

func TestPrometheusReadsTheMetrics(t *testing.T) {
	odd := "x:a\"b\\c\n{}é"
	s := serving(t, newFake(t, "cat", "web:web_00", "bad", odd))
	s.table.process(t, "cat").become(func(i *serve.Info) {
		i.State, i.PID, i.Start, i.Stop, i.ExitStatus, i.Starts = rpc.Exited, 0, 1000, 2000, 3, 7
	})
	answer := s.get("/metrics")
	if want := "text/plain; version=0.0.4; charset=utf-8"; answer.code != 200 || answer.header.Get("Content-Type") != want {
		t.Error(answer.code, answer.header)
	}
	parser := expfmt.NewTextParser(model.LegacyValidation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(answer.body))
	if err != nil {
		t.Fatalf("%v\n%s", err, answer.body)
	}
	values := map[string]float64{}
	for name, family := range families {
		isCounter := strings.HasSuffix(name, "_total")
		if family.GetHelp() == "" || isCounter != (family.GetType().String() == "COUNTER") {
			t.Errorf("%s: %s, %q", name, family.GetType(), family.GetHelp())
		}
		for _, m := range family.GetMetric() {
			series := name
			for _, label := range m.GetLabel() {
				series += " " + label.GetValue()
			}
			values[series] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	for series, want := range map[string]float64{
		"supervisor_info supervisor 4.2.5": 1,
		"supervisor_process_up cat cat":    0, "supervisor_process_up web web_00": 1, "supervisor_process_up bad bad": 0,
		"supervisor_process_starts_total cat cat": 7, "supervisor_process_starts_total web web_00": 1, "supervisor_process_starts_total bad bad": 0,
		"supervisor_process_exit_status cat cat": 3, "supervisor_process_start_time_seconds cat cat": 1000, "supervisor_process_stop_time_seconds cat cat": 2000,
		"supervisor_process_state cat cat EXITED": 1, "supervisor_process_state cat cat RUNNING": 0, "supervisor_process_state web web_00 RUNNING": 1,
		"supervisor_process_up x " + odd[2:]: 1,
	} {
		if got, has := values[series]; !has || got != want {
			t.Errorf("%s is %v, want %v", series, got, want)
		}
	}
	for _, series := range []string{"exit_status bad bad", "exit_status web web_00", "start_time_seconds bad bad", "stop_time_seconds web web_00"} {
		if got, has := values["supervisor_process_"+series]; has {
			t.Errorf("%s is %v, and was never so", series, got)
		}
	}
	if n := fmt.Sprint(len(families["supervisor_process_state"].GetMetric())); n != fmt.Sprint(4*len(states)) {
		t.Error(n)
	}
}
