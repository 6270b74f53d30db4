package crictl

import (
	"fmt"
	"sort"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	runtimeapi "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// json prints what crictl -o json prints: the answer of the runtime with all its fields.
func (c *call) json(m proto.Message) error {
	data, err := protojson.MarshalOptions{EmitUnpopulated: true, Indent: "  "}.Marshal(m)
	if err == nil {
		fmt.Fprintln(c.out, string(data))
	}
	return err
}

func images(c *call) error {
	var filter *runtimeapi.ImageFilter
	if len(c.names) > 0 {
		filter = &runtimeapi.ImageFilter{Image: &runtimeapi.ImageSpec{Image: c.names[0]}}
	}
	found, err := c.images.ListImages(c.ctx, &runtimeapi.ListImagesRequest{Filter: filter})
	if err != nil {
		return err
	}
	list := found.GetImages()
	sort.Slice(list, func(i, j int) bool { return first(list[i].RepoTags) < first(list[j].RepoTags) })
	if c.format == "json" {
		return c.json(&runtimeapi.ListImagesResponse{Images: list})
	}
	var rows [][]string
	for _, i := range list {
		if c.quiet {
			fmt.Fprintln(c.out, i.Id)
			continue
		}
		for _, tag := range tags(i) {
			name, version := "<none>", "<none>"
			if at := strings.LastIndex(tag, ":"); at > 0 {
				name, version = tag[:at], tag[at+1:]
			}
			rows = append(rows, []string{name, version, short(strings.TrimPrefix(i.Id, "sha256:")), size(i.Size)})
		}
	}
	if c.quiet {
		return nil
	}
	return c.table("IMAGE\tTAG\tIMAGE ID\tSIZE", rows)
}

func tags(i *runtimeapi.Image) []string {
	if len(i.RepoTags) == 0 {
		return []string{""}
	}
	return i.RepoTags
}

func containers(c *call) error {
	filter := &runtimeapi.ContainerFilter{}
	if !c.all {
		filter.State = &runtimeapi.ContainerStateValue{State: runtimeapi.ContainerState_CONTAINER_RUNNING}
	}
	found, err := c.runtime.ListContainers(c.ctx, &runtimeapi.ListContainersRequest{Filter: filter})
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.json(found)
	}
	list := found.GetContainers()
	var rows [][]string
	for _, i := range list {
		if c.quiet {
			fmt.Fprintln(c.out, i.Id)
			continue
		}
		state := strings.TrimPrefix(i.State.String(), "CONTAINER_")
		rows = append(rows, []string{
			short(i.Id), short(strings.TrimPrefix(i.ImageRef, "sha256:")), age(i.CreatedAt), title(state), i.Metadata.GetName(),
			strconv.Itoa(int(i.Metadata.GetAttempt())), short(i.PodSandboxId), i.Labels["io.kubernetes.pod.name"],
		})
	}
	if c.quiet {
		return nil
	}
	return c.table("CONTAINER\tIMAGE\tCREATED\tSTATE\tNAME\tATTEMPT\tPOD ID\tPOD", rows)
}

func pods(c *call) error {
	found, err := c.runtime.ListPodSandbox(c.ctx, &runtimeapi.ListPodSandboxRequest{})
	if err != nil {
		return err
	}
	if c.format == "json" {
		return c.json(found)
	}
	list := found.GetItems()
	var rows [][]string
	for _, i := range list {
		if c.quiet {
			fmt.Fprintln(c.out, i.Id)
			continue
		}
		state := title(strings.TrimPrefix(i.State.String(), "SANDBOX_"))
		rows = append(rows, []string{
			short(i.Id), age(i.CreatedAt), state, i.Metadata.GetName(), i.Metadata.GetNamespace(),
			strconv.Itoa(int(i.Metadata.GetAttempt())), "(default)",
		})
	}
	if c.quiet {
		return nil
	}
	return c.table("POD ID\tCREATED\tSTATE\tNAME\tNAMESPACE\tATTEMPT\tRUNTIME", rows)
}

func first(s []string) string { return append(s, "")[0] }

func short(id string) string { return id[:min(13, len(id))] }

func title(s string) string { return s[:1] + strings.ToLower(s[1:]) }

func age(nanoseconds int64) string {
	return time.Since(time.Unix(0, nanoseconds)).Round(time.Second).String() + " ago"
}

func size(bytes uint64) string { return fmt.Sprintf("%.3gMB", float64(bytes)/1e6) }
