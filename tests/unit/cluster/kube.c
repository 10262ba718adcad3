/* Server URLs, what is read from API objects, and errors of requests. */
#include "base/err.h"
#include "cluster/kube.h"

#include <errno.h>
#include <stdlib.h>

#include "unit.h"

/* The text with " for each ', which reads better here. */
static const char *quoted(const char *text)
{
	static char out[1024];

	snprintf(out, sizeof out, "%s", text);
	for (char *c = out; *c; c++)
		if (*c == '\'') *c = '"';
	return out;
}

TEST(nodes)
{
	struct kube_nodes n;
	const char *text = quoted(
		"{'items':[{'metadata':{'name':'a'},"
		"'status':{'conditions':[{'type':'MemoryPressure','status':'False'},"
		"{'type':'Ready','status':'True',"
		"'lastHeartbeatTime':'2026-11-22T10:53:24Z'}]}},{'metadata':{'name':'b'},"
		"'spec':{'taints':[{'key':'node.kubernetes.io/not-ready','effect':'NoSchedule'},"
		"{'key':'x','effect':'PreferNoSchedule'},"
		"{'key':'mine','value':'v','effect':'NoExecute'}]},"
		"'status':{'conditions':[{'type':'Ready','status':'Unknown',"
		"'message':'cni plugin not initialized'}]}},"
		"{'metadata':{}}]}");
	CHECK(!kube_parse_nodes(text, strlen(text), &n));
	CHECK(n.n == 3 && n.ready == 1 && n.v[0].ready && !n.v[1].ready);
	CHECK_STR(n.v[0].name, "a");
	CHECK_STR(n.v[0].heartbeat, "2026-11-22T10:53:24Z");
	CHECK_STR(n.v[2].name, "");
	CHECK_STR(n.v[1].why, "cni plugin not initialized");
	CHECK_STR(n.v[1].taint, "mine=v:NoExecute");
	CHECK_STR(n.v[0].taint, "");
	CHECK(kube_parse_nodes("{\"items\":[", 10, &n) < 0);
	CHECK(!kube_parse_nodes("{}", 2, &n) && n.n == 0);
}

TEST(more_nodes_than_room)
{
	struct kube_nodes n;
	_cleanup_buf_ struct buf b = {0};
	buf_puts(&b, "{\"items\":[{}");
	for (int i = 1; i < 100; i++) buf_puts(&b, ",{}");
	buf_puts(&b, "]}");
	CHECK(!kube_parse_nodes(b.data, b.len, &n) && n.n == 100);
}

TEST(pods)
{
	struct kube_pods p;
	const char *text = quoted(
		"{'items':[{'status':{'phase':'Running','conditions':[{'type':'Ready',"
		"'status':'True'}]}},{'status':{'phase':'Running'}},"
		"{'status':{'phase':'Pending'}}]}");
	CHECK(!kube_parse_pods(text, strlen(text), &p));
	CHECK(p.n == 3 && p.running == 2 && p.ready == 1);
}

TEST(connection_refused)
{
	struct kubeconfig k = { .server = "https://127.0.0.1:1", .ca = "x" };
	struct err e = {0};
	CHECK(kube_ready(&k, 1000, &e) == -ECONNREFUSED && strstr(e.text, "127.0.0.1 port 1"));
	k.server = "http://x";
	CHECK(kube_ready(&k, 1000, &e) == -EINVAL && strstr(e.text, "https"));
	k = (struct kubeconfig){ .server = "https://127.0.0.1:1" };
	CHECK(kube_ready(&k, 1000, &e) == -EINVAL && strstr(e.text, "authority"));
}

TEST(pods_whose_images_cannot_be_pulled)
{
	static const char text[] = "{\"items\":["
		"{\"metadata\":{\"namespace\":\"default\",\"name\":\"a\"},\"status\":{\"containerStatuses\":["
			"{\"state\":{\"waiting\":{\"reason\":\"ContainerCreating\"}}}]}},"
		"{\"metadata\":{\"namespace\":\"x\",\"name\":\"b\"},\"status\":{\"containerStatuses\":["
			"{\"state\":{\"running\":{}}},{\"state\":{\"waiting\":{\"reason\":\"ImagePullBackOff\","
			"\"message\":\"Back-off: failed to do request: Head \\\"u\\\": why\"}}}]}},"
		"{\"status\":{\"initContainerStatuses\":[{\"state\":{\"waiting\":{\"reason\":\"ErrImagePull\"}}}]}}]}";
	struct kube_pods p;

	CHECK(!kube_parse_pods(text, strlen(text), &p));
	CHECK(p.n == 3 && p.unpulled.n == 2);
	CHECK_STR(p.unpulled.pod, "x/b");
	CHECK_STR(kube_pull_error(p.unpulled.why), "Head \"u\": why");
	CHECK_STR(kube_pull_error("something else"), "something else");
}

TEST(pods_that_are_not_ready)
{
	const char *text = quoted("{'items':[{'status':{'phase':'Succeeded'}},"
		"{'status':{'phase':'Running','conditions':[{'type':'Ready','status':'True'}]}},"
		"{'metadata':{'namespace':'n','name':'p'},'status':{'phase':'Pending','conditions':["
		"{'type':'PodScheduled','status':'False','reason':'Unschedulable',"
		"'message':'0/1 nodes are available'}]}},{'status':{'phase':'Failed'}}]}");
	struct kube_pods p;

	CHECK(!kube_parse_pods(text, strlen(text), &p) && p.unready.n == 2);
	CHECK_STR(p.unready.pod, "n/p");
	CHECK(!strcmp(p.unready.why, "0/1 nodes are available"));
	text = quoted("{'items':[{'status':{'phase':'Failed'}}]}");
	CHECK(!kube_parse_pods(text, strlen(text), &p) && p.unready.n == 1);
	CHECK(!strcmp(p.unready.why, "Failed"));
}

static int rolled_out(const char *status)
{
	char text[300];
	struct err e;

	snprintf(text, sizeof text, "{\"metadata\":{\"generation\":2},\"spec\":{\"replicas\":2},"
		"\"status\":{%s}}", status);
	return kube_parse_deployment(text, strlen(text), &e);
}

TEST(deployments)
{
	struct err e;

	CHECK(kube_parse_deployment("{}", 2, &e) == 0);   /* no replicas are wanted */
	CHECK(kube_parse_deployment("{", 1, &e) == -EBADMSG);
	CHECK(rolled_out("") == -EAGAIN);
	CHECK(!rolled_out(quoted("'observedGeneration':2,'replicas':2,'updatedReplicas':2,"
		"'availableReplicas':2")));
	CHECK(rolled_out(quoted("'observedGeneration':1,'replicas':2,'updatedReplicas':2,"
		"'availableReplicas':2")) == -EAGAIN);
	CHECK(rolled_out(quoted("'observedGeneration':2,'replicas':3,'updatedReplicas':2,"
		"'availableReplicas':2")) == -EAGAIN);
	CHECK(rolled_out(quoted("'observedGeneration':2,'replicas':2,'updatedReplicas':1,"
		"'availableReplicas':2")) == -EAGAIN);
}

UNIT_MAIN("kube")
