export default () => <div>hello</div>;
